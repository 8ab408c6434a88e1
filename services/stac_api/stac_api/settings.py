"""What the API is told at start: one frozen object, read once from the environment."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from eventstac.settings import SSL_MODES, Environment
from stac_api import addresses
from stac_api.callers import SignIn

Http = Literal["streams", "invocations"]

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*\Z")
_HEADER = re.compile(r"[\x20-\x7e]+\Z")
_MOST_TIMEOUT_S = 2_000_000  # PostgreSQL counts milliseconds in 31 bits
MOST_SIGN_S = 3_600  # an hour: who has a signed address needs nothing else


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
    """Take the settings from the environment; SettingsMissing names all that is missing or wrong."""
    env = Environment(environ)
    by_token = env.choice("POSTGRES_AUTH", ("password", "entra")) == "entra"
    pooled = env.switch("POSTGRES_POOLED")
    connections = env.integer("STAC_API_CONNECTIONS", 10, least=1)
    # Behind a pooler a statement takes four ways there and back: it is longer on its way than in the database.
    usual = connections if pooled else Settings.at_once
    max_limit = env.integer("STAC_API_MAX_LIMIT", 1_000, least=1)
    timeout_s = env.integer("STAC_API_STATEMENT_TIMEOUT_S", 30, least=1, most=_MOST_TIMEOUT_S)
    sign_in, signing = _signing(env)
    catalog_id = env.text("STAC_CATALOG_ID")
    origins = env.text("STAC_API_CORS_ORIGINS", "*").split(",")
    settings = Settings(
        host=env.text("POSTGRES_HOST"),
        port=env.integer("POSTGRES_PORT", 5432, least=1, most=65_535),
        database=env.text("POSTGRES_DB"),
        user=env.text("POSTGRES_USER"),
        password=env.text("POSTGRES_PASS", "" if by_token else None),
        schema=_schema(env),
        ssl=env.choice("POSTGRES_SSLMODE", SSL_MODES),
        pooled=pooled,
        connections=connections,
        at_once=env.integer("STAC_API_STATEMENTS_AT_ONCE", usual, least=1),
        statement_timeout_s=float(timeout_s),
        default_limit=min(Settings.default_limit, max_limit),
        max_limit=max_limit,
        catalog_id=catalog_id,
        catalog_title=env.text("STAC_CATALOG_TITLE", catalog_id),
        catalog_description=env.text("STAC_CATALOG_DESCRIPTION", Settings.catalog_description),
        api_version=env.text("STAC_API_VERSION", Settings.api_version),
        root_url=_root_url(env),
        cache_control=_cache_control(env),
        cors_origins=tuple(origin.strip() for origin in origins if origin.strip()),
        redis_url=_redis_url(env),
        redis_ttl_s=env.integer("STAC_API_REDIS_TTL_S", 60, least=1),
        redis_wait_ms=env.integer("STAC_API_REDIS_WAIT_MS", 100, least=1),
        http="invocations" if env.choice("STAC_API_HTTP", get_args(Http)) == "invocations" else "streams",
        signing=signing,
        sign_in=sign_in,
        sign_s=env.integer("STAC_API_SIGN_S", MOST_SIGN_S, least=1, most=MOST_SIGN_S),
        token=_identity_token() if by_token else None,
    )
    env.check("stac_api")
    return settings


def _identity_token() -> Callable[[], str]:
    from eventstac.azure.database_token import identity_token  # takes half a second, and only Azure needs it

    return identity_token()


def _schema(env: Environment) -> str:
    schema = env.text("PGSTAC_SCHEMA", "pgstac")
    if not _IDENTIFIER.match(schema):
        env.wrong(f"PGSTAC_SCHEMA must be the name of a schema, not {schema!r}")
    return schema


def _root_url(env: Environment) -> str | None:
    url = env.optional("STAC_ROOT_URL")
    if url and not addresses.is_root(url):
        env.wrong(f"STAC_ROOT_URL must be an address such as https://stac.example.com, not {url!r}")
    return url.rstrip("/") if url else None


def _cache_control(env: Environment) -> str:
    value = env.text("STAC_API_CACHE_CONTROL", Settings.cache_control)
    if not _HEADER.match(value):
        env.wrong(f"STAC_API_CACHE_CONTROL must be one line of ASCII, not {value!r}")
    return value


def _redis_url(env: Environment) -> str | None:
    url = env.optional("REDIS_URL")
    if url and not addresses.is_redis(url):  # not shown: it may hold a password
        env.wrong("REDIS_URL must be redis://HOST:PORT/NUMBER, rediss://… or unix://PATH")
    return url


def _signing(env: Environment) -> tuple[SignIn, bool]:
    """How callers sign in, and whether hrefs are signed for them."""
    sign_in = env.choice("STAC_API_SIGN_IN", ("none", "platform"))
    signing = env.switch("STAC_API_SIGNING")
    # App Service says so where somebody has switched its authentication off: then nobody takes forged headers away.
    is_off = (env.optional("WEBSITE_AUTH_ENABLED") or "").lower() == "false"
    if signing and sign_in == "none":
        env.wrong(
            "STAC_API_SIGNING is on, which needs STAC_API_SIGN_IN=platform: hrefs are signed for nobody else"
        )
    return "platform" if sign_in == "platform" and not is_off else "none", signing
