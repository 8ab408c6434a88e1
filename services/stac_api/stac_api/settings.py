"""What the API is told at start: one frozen object, read once from the environment."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from stac_api import addresses
from stac_api.callers import SignIn

Http = Literal["streams", "invocations"]

_REQUIRED = ("POSTGRES_HOST", "POSTGRES_DB", "POSTGRES_USER", "STAC_CATALOG_ID")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*\Z")
_HEADER = re.compile(r"[\x20-\x7e]+\Z")
_SSL_MODES = ("prefer", "disable", "allow", "require", "verify-ca", "verify-full")  # the first is the default
_OFF, _ON = ("", "0", "off", "false", "no"), ("1", "on", "true", "yes")
_LAST_PORT = 65_535
_MOST_TIMEOUT_S = 2_000_000  # PostgreSQL counts milliseconds in 31 bits
_MOST = 2_147_483_647  # of any other number: whoever is handed it takes 31 bits
MOST_SIGN_S = 3_600  # an hour: who has a signed address needs nothing else


class SettingsError(Exception):
    """The environment lacks settings, or holds ones that cannot be used; the message names every one."""


@dataclass(frozen=True)
class Settings:
    """Where the catalog is, what it is called, and how much one request may ask for.

    `root_url` is the address that links begin with; None takes it from each request (and from the headers that a
    proxy adds). `cache_control` is sent with every answer that may be kept. `redis_url` is where answers are kept
    for at most `redis_ttl_s` seconds; None keeps none. A reader waits for it `redis_wait_ms` at most. `token` gives a
    password for each new connection, instead of `password`.

    `http` is how a Functions host hands requests over: to the app's own server, or within invocations.

    `signing` gives callers who signed in the addresses of assets with a signature for `sign_s` seconds. `sign_in` is
    "platform" only where App Service authentication stands in front of the API and removes forged headers.
    """

    host: str
    database: str
    user: str
    password: str
    catalog_id: str
    catalog_title: str
    port: int = 5432
    schema: str = "pgstac"
    catalog_description: str = "Rasters, searchable as STAC Items seconds after their upload."
    api_version: str = "1.0.0"
    root_url: str | None = None
    ssl: str = "prefer"
    pooled: bool = False  # behind a transaction-mode pooler: no prepared statements, settings by transaction
    connections: int = 10
    at_once: int = 4  # quick statements: twice the processors that the smallest database has
    statement_timeout_s: float = 30.0
    default_limit: int = 10
    max_limit: int = 1_000  # Items of 5 kB: a page of 5 MB, held in memory
    max_body_bytes: int = 1_000_000
    # Of one geometry; with lines that cross it may cost minutes all the same: see Turns.
    max_positions: int = 10_000
    max_filter_depth: int = 20
    count_limit: int = 10_000  # numberMatched is exact up to here, the planner's estimate beyond
    area_count_limit: int = 2_000  # the same for what lies in an area, as the planner sees it: see ItemSearch
    count_cost_limit: float = 20_000.0  # of the planner's units: at 35,000 a count took 150 ms
    count_ttl_s: float = 10.0
    walk_from_pages: int = 30  # a filter that is expected to match more is answered in order: see Walks
    cache_control: str = "no-cache"
    cors_origins: tuple[str, ...] = ("*",)
    redis_url: str | None = field(default=None, repr=False)  # may hold a password
    redis_ttl_s: int = 60
    redis_wait_ms: int = 100  # the database would have answered by then
    signing: bool = False
    sign_in: SignIn = "none"
    sign_s: int = MOST_SIGN_S
    http: Http = "streams"
    token: Callable[[], str] | None = field(default=None, compare=False)


def read(environ: Mapping[str, str]) -> Settings:
    """Take the settings from the environment. Raises SettingsError naming all that is missing or wrong."""
    problems: list[str] = []
    by_token = _choice(environ, "POSTGRES_AUTH", ("password", "entra"), problems) == "entra"
    required = _REQUIRED if by_token else (*_REQUIRED, "POSTGRES_PASS")
    problems += [f"{name} is missing" for name in required if not environ.get(name)]
    schema = environ.get("PGSTAC_SCHEMA") or "pgstac"
    if not _IDENTIFIER.match(schema):
        problems.append(f"PGSTAC_SCHEMA is {schema!r}, which is no name of a schema")
    port = _number(environ, "POSTGRES_PORT", 5432, problems, _LAST_PORT)
    connections = _number(environ, "STAC_API_CONNECTIONS", 10, problems)
    timeout_s = _number(environ, "STAC_API_STATEMENT_TIMEOUT_S", 30, problems, _MOST_TIMEOUT_S)
    max_limit = _number(environ, "STAC_API_MAX_LIMIT", 1_000, problems)
    sign_in, signing, sign_s = _signing(environ, problems)
    redis_ttl_s = _number(environ, "STAC_API_REDIS_TTL_S", 60, problems)
    redis_wait_ms = _number(environ, "STAC_API_REDIS_WAIT_MS", 100, problems)
    http = _choice(environ, "STAC_API_HTTP", ("streams", "invocations"), problems)
    ssl = _choice(environ, "POSTGRES_SSLMODE", _SSL_MODES, problems)
    pooled = (environ.get("POSTGRES_POOLED") or "").lower()
    if pooled not in _OFF + _ON:
        problems.append(f"POSTGRES_POOLED is {pooled!r}, expected 'on' or 'off'")
    # Behind a pooler a statement takes four ways there and back: it is longer on its way than in the database.
    usual = connections if pooled in _ON else Settings.at_once
    at_once = _number(environ, "STAC_API_STATEMENTS_AT_ONCE", usual, problems)
    root_url = environ.get("STAC_ROOT_URL") or None
    if root_url and not addresses.is_root(root_url):
        problems.append(
            f"STAC_ROOT_URL is {root_url!r}, expected an address such as https://stac.example.com"
        )
    cache_control = environ.get("STAC_API_CACHE_CONTROL") or "no-cache"
    if not _HEADER.match(cache_control):
        problems.append(f"STAC_API_CACHE_CONTROL is {cache_control!r}, expected one line of ASCII")
    redis_url = environ.get("REDIS_URL") or None
    if redis_url and not addresses.is_redis(redis_url):
        problems.append(
            "REDIS_URL is no address of a Redis: expected redis://HOST:PORT/NUMBER, rediss://… or unix://PATH"
        )
    if problems:
        raise SettingsError("The STAC API cannot start: " + "; ".join(problems) + ".")
    catalog_id = environ["STAC_CATALOG_ID"]
    return Settings(
        host=environ["POSTGRES_HOST"],
        port=port,
        database=environ["POSTGRES_DB"],
        user=environ["POSTGRES_USER"],
        password=environ.get("POSTGRES_PASS", ""),
        schema=schema,
        ssl=ssl,
        pooled=pooled in _ON,
        connections=connections,
        at_once=at_once,
        statement_timeout_s=float(timeout_s),
        default_limit=min(Settings.default_limit, max_limit),
        max_limit=max_limit,
        catalog_id=catalog_id,
        catalog_title=environ.get("STAC_CATALOG_TITLE") or catalog_id,
        catalog_description=environ.get("STAC_CATALOG_DESCRIPTION") or Settings.catalog_description,
        api_version=environ.get("STAC_API_VERSION") or "1.0.0",
        root_url=root_url.rstrip("/") if root_url else None,
        cache_control=cache_control,
        cors_origins=tuple(
            origin.strip()
            for origin in (environ.get("STAC_API_CORS_ORIGINS") or "*").split(",")
            if origin.strip()
        ),
        redis_url=redis_url,
        http="invocations" if http == "invocations" else "streams",
        signing=signing,
        sign_in=sign_in,
        sign_s=sign_s,
        redis_ttl_s=redis_ttl_s,
        redis_wait_ms=redis_wait_ms,
        token=_identity_token() if by_token else None,
    )


def _identity_token() -> Callable[[], str]:
    from eventstac.azure.database_token import identity_token  # takes half a second, and only Azure needs it

    return identity_token()


def _signing(environ: Mapping[str, str], problems: list[str]) -> tuple[SignIn, bool, int]:
    """How callers sign in, whether hrefs are signed for them, and for how many seconds."""
    sign_in = _choice(environ, "STAC_API_SIGN_IN", ("none", "platform"), problems)
    signing = (environ.get("STAC_API_SIGNING") or "off").lower()
    sign_s = _number(environ, "STAC_API_SIGN_S", MOST_SIGN_S, problems, MOST_SIGN_S)
    if signing not in ("on", "off", "true", "false"):
        problems.append(f"STAC_API_SIGNING is {signing!r}, expected 'on' or 'off'")
    # App Service says so where somebody has switched its authentication off: then nobody takes forged headers away.
    by_platform = sign_in == "platform" and environ.get("WEBSITE_AUTH_ENABLED", "").lower() != "false"
    on = signing in ("on", "true")
    if on and sign_in == "none":
        problems.append(
            "STAC_API_SIGNING is on, which needs STAC_API_SIGN_IN=platform: hrefs are signed for nobody else"
        )
    return "platform" if by_platform else "none", on, sign_s


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...], problems: list[str]) -> str:
    """One of the choices; the first where nothing is said."""
    text = environ.get(name) or choices[0]
    if text not in choices:
        problems.append(
            f"{name} is {text!r}, expected {', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}"
        )
    return text


def _number(
    environ: Mapping[str, str], name: str, default: int, problems: list[str], most: int = _MOST
) -> int:
    text = environ.get(name)
    if not text:
        return default
    digits = text.lstrip("0")
    if not text.isascii() or not text.isdigit() or not digits:
        problems.append(f"{name} is {text!r}, expected a whole number above zero")
        return default
    if len(digits) > len(str(most)) or int(digits) > most:
        problems.append(f"{name} is {digits}, at most {most:,}")
        return default
    return int(digits)
