import pytest

from stac_api.settings import SettingsError, read

COMPLETE = {
    "POSTGRES_HOST": "db",
    "POSTGRES_DB": "eventstac",
    "POSTGRES_USER": "eventstac_stac_api",
    "POSTGRES_PASS": "secret",
    "STAC_CATALOG_ID": "cat",
}


def test_all_missing_settings_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
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


def test_numbers_are_whole_and_above_zero() -> None:
    assert read(COMPLETE | {"STAC_API_MAX_LIMIT": "50"}).max_limit == 50
    for wrong in ("0", "-1", "1.5", "٣", "x"):
        with pytest.raises(SettingsError, match="STAC_API_MAX_LIMIT"):
            read(COMPLETE | {"STAC_API_MAX_LIMIT": wrong})
