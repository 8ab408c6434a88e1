import pytest

from eventstac.settings import SettingsMissing
from stac_api.settings import read

COMPLETE = {
    "POSTGRES_HOST": "db",
    "POSTGRES_DB": "eventstac",
    "POSTGRES_USER": "eventstac_stac_api",
    "POSTGRES_PASS": "secret",
    "STAC_CATALOG_ID": "cat",
}


def test_all_missing_settings_are_named_at_once() -> None:
    with pytest.raises(SettingsMissing) as error:
        read({"POSTGRES_PORT": "many", "PGSTAC_SCHEMA": "a; b"})
    for name in (*COMPLETE, "POSTGRES_PORT", "PGSTAC_SCHEMA"):
        assert name in str(error.value)


def test_what_is_not_set_has_a_default() -> None:
    settings = read(COMPLETE)
    assert (settings.port, settings.schema, settings.api_version) == (5432, "pgstac", "1.0.0")
    assert settings.catalog_title == "cat"
    assert settings.root_url is None
    assert settings.cors_origins == ("*",)


def test_a_root_url_loses_its_last_slash() -> None:
    assert read(COMPLETE | {"STAC_ROOT_URL": "https://a.example/stac/"}).root_url == "https://a.example/stac"


def test_a_redis_is_named_by_its_address_or_not_at_all() -> None:
    assert read(COMPLETE | {"REDIS_URL": ""}).redis_url is None
    settings = read(COMPLETE | {"REDIS_URL": "rediss://:hidden@r.example:6380", "STAC_API_REDIS_TTL_S": "5"})
    assert settings.redis_ttl_s == 5
    assert "hidden" not in repr(settings)
    with pytest.raises(SettingsMissing, match="REDIS_URL") as error:
        read(COMPLETE | {"REDIS_URL": "http://:hidden@r.example"})
    assert "hidden" not in str(error.value)


def test_numbers_are_whole_and_above_zero() -> None:
    assert read(COMPLETE | {"STAC_API_MAX_LIMIT": "50"}).max_limit == 50
    for wrong in ("0", "-1", "1.5", "٣", "x"):
        with pytest.raises(SettingsMissing, match="STAC_API_MAX_LIMIT"):
            read(COMPLETE | {"STAC_API_MAX_LIMIT": wrong})


def test_a_page_that_nobody_asked_a_length_of_is_no_longer_than_the_longest() -> None:
    assert read(COMPLETE | {"STAC_API_MAX_LIMIT": "5"}).default_limit == 5
    assert read(COMPLETE | {"STAC_API_MAX_LIMIT": "50"}).default_limit == read(COMPLETE).default_limit == 10


def test_behind_a_pooler_all_connections_are_used_at_once_unless_another_number_is_set() -> None:
    pooled = COMPLETE | {"POSTGRES_POOLED": "on", "STAC_API_CONNECTIONS": "7"}
    assert read(COMPLETE).at_once == 4
    assert read(pooled).at_once == 7
    assert read(pooled | {"STAC_API_STATEMENTS_AT_ONCE": "2"}).at_once == 2


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("POSTGRES_PORT", 65_535),
        ("STAC_API_STATEMENT_TIMEOUT_S", 2_000_000),
        ("STAC_API_SIGN_S", 3_600),
        ("STAC_API_CONNECTIONS", 2_147_483_647),
        ("STAC_API_STATEMENTS_AT_ONCE", 2_147_483_647),
        ("STAC_API_MAX_LIMIT", 2_147_483_647),
        ("STAC_API_REDIS_TTL_S", 2_147_483_647),
        ("STAC_API_REDIS_WAIT_MS", 2_147_483_647),
    ],
)
def test_numbers_end_where_nothing_could_take_them(name: str, most: int) -> None:
    assert read(COMPLETE | {name: f"0{most}"})
    for wrong in (str(most + 1), "9" * 5_000):
        with pytest.raises(SettingsMissing, match=f"{name} must be .* to {most:,}, not"):
            read(COMPLETE | {name: wrong})


@pytest.mark.parametrize(
    "wrong",
    ["redis://:hidden@h:port/x", "redis://:hidden@[x", "redis://:hidden@h:99999", "redis://:hidden@h/notanumber",
     "rediss://:hidden@h/0?db=x", "redis://:hidden@h?nothing=known", "hidden"],
)  # fmt: skip
def test_an_address_that_leads_to_no_redis_is_told_at_the_start(wrong: str) -> None:
    with pytest.raises(SettingsMissing, match="REDIS_URL") as error:
        read(COMPLETE | {"REDIS_URL": wrong})
    assert "hidden" not in str(error.value)


def test_addresses_of_a_redis_are_taken_as_they_are() -> None:
    for url in (
        "redis://h",
        "redis://u:p%40@[::1]:6379/15",
        "rediss://h:6380/0?ssl_cert_reqs=required",
        "unix:///run/r",
    ):
        assert read(COMPLETE | {"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("STAC_ROOT_URL", "foo"),
        ("STAC_ROOT_URL", "https://[x/"),
        ("STAC_ROOT_URL", "https://a.example:port"),
        ("STAC_ROOT_URL", "https://a.example:65536"),
        ("STAC_ROOT_URL", "https://:8080"),
        ("STAC_ROOT_URL", "/stac"),
        ("STAC_ROOT_URL", "https://"),
        ("STAC_ROOT_URL", "ftp://a.example"),
        ("STAC_ROOT_URL", "https://a.example/stac?x=1"),
        ("STAC_ROOT_URL", "https://a.example/\nb"),
        ("POSTGRES_SSLMODE", "foo"),
        ("POSTGRES_SSLMODE", "Require"),
        ("POSTGRES_POOLED", "foo"),
        ("STAC_API_CACHE_CONTROL", "max-age=60\r\nX: y"),
        ("STAC_API_CACHE_CONTROL", "max-age=60\n"),
        ("STAC_API_CACHE_CONTROL", "☃"),
    ],
)
def test_what_no_answer_could_be_made_with_is_told_at_the_start(name: str, wrong: str) -> None:
    with pytest.raises(SettingsMissing, match=name):
        read(COMPLETE | {name: wrong})


def test_what_can_be_used_is_taken_as_it_is() -> None:
    for root in ("http://localhost:8080", "https://a.example/stac/v1", "HTTPS://[::1]:8443/stac"):
        assert read(COMPLETE | {"STAC_ROOT_URL": root}).root_url == root
    for mode in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
        assert read(COMPLETE | {"POSTGRES_SSLMODE": mode}).ssl == mode
    for text, pooled in (
        ("1", True),
        ("on", True),
        ("TRUE", True),
        ("off", False),
        ("0", False),
        ("", False),
    ):
        assert read(COMPLETE | {"POSTGRES_POOLED": text}).pooled is pooled
    public = "public, max-age=60"
    assert read(COMPLETE | {"STAC_API_CACHE_CONTROL": public}).cache_control == public


SIGNING = COMPLETE | {"STAC_API_SIGNING": "on", "STAC_API_SIGN_IN": "platform"}


def test_signing_is_off_unless_callers_sign_in_at_the_platform() -> None:
    assert not read(COMPLETE).signing
    assert read(COMPLETE).sign_in == "none"
    assert read(SIGNING).signing
    with pytest.raises(SettingsMissing, match="STAC_API_SIGN_IN=platform"):
        read(COMPLETE | {"STAC_API_SIGNING": "on"})
    for name, wrong in (("SIGN_S", "3601"), ("SIGN_S", "0"), ("SIGN_IN", "header"), ("SIGNING", "maybe")):
        with pytest.raises(SettingsMissing, match=f"STAC_API_{name}"):
            read(SIGNING | {f"STAC_API_{name}": wrong})


def test_nobody_is_signed_in_where_the_platform_says_that_its_authentication_is_off() -> None:
    assert read(SIGNING | {"WEBSITE_AUTH_ENABLED": "True"}).sign_in == "platform"
    assert read(SIGNING | {"WEBSITE_AUTH_ENABLED": "False"}).sign_in == "none"


def test_a_functions_host_hands_requests_over_in_one_of_two_ways() -> None:
    assert read(COMPLETE).http == "streams"
    assert read(COMPLETE | {"STAC_API_HTTP": "invocations"}).http == "invocations"
    with pytest.raises(SettingsMissing, match="STAC_API_HTTP"):
        read(COMPLETE | {"STAC_API_HTTP": "grpc"})
