"""A start with missing settings lists all of them."""

import importlib

import pytest

from eventstac.retrying import RetryPolicy
from eventstac.settings import Environment, SettingsMissing


@pytest.mark.parametrize(
    ("app", "named"),
    [
        (
            "scanner",
            [
                "POSTGRES_HOST",
                "POSTGRES_DB",
                "POSTGRES_USER",
                "ServiceBus",
                "BlobStorage",
                "SOURCE_CONTAINERS",
            ],
        ),
        ("extractor", ["ServiceBus", "BlobStorage", "SOURCE_CONTAINERS"]),
        (
            "loader",
            ["POSTGRES_HOST", "POSTGRES_DB", "POSTGRES_USER", "ServiceBus", "CatalogEvents__topicEndpoint"],
        ),
        ("cog_updater", ["POSTGRES_HOST", "POSTGRES_DB", "POSTGRES_USER", "ServiceBus", "BlobStorage"]),
    ],
)
def test_an_app_names_every_setting_that_it_lacks(app: str, named: list[str]) -> None:
    settings = importlib.import_module(f"{app}.settings")
    with pytest.raises(SettingsMissing) as missing:
        settings.read({})
    for name in named:
        assert name in str(missing.value)


def test_a_watched_thumbnails_container_is_refused() -> None:
    settings = importlib.import_module("extractor.settings")
    values = {"ServiceBus": "x", "BlobStorage": "x", "SOURCE_CONTAINERS": "source,thumbnails"}
    with pytest.raises(SettingsMissing, match="thumbnails would become Items"):
        settings.read(values)


def test_a_number_that_is_none_is_named() -> None:
    env = Environment({"SKEW_WINDOW_S": "soon", "POSTGRES_PORT": "many"})
    env.seconds("SKEW_WINDOW_S", 5)
    env.integer("POSTGRES_PORT", 5432)
    with pytest.raises(
        SettingsMissing, match=r"SKEW_WINDOW_S must be .*'soon'.*POSTGRES_PORT must be .*'many'"
    ):
        env.check("loader")


def test_a_switch_is_on_or_off() -> None:
    env = Environment({"A": "on", "B": "TRUE", "C": "no", "D": "", "F": "maybe"})
    assert [env.switch(name) for name in "ABCDE"] == [True, True, False, False, False]
    assert not env.switch("F")
    with pytest.raises(SettingsMissing, match="F must be 'on' or 'off', not 'maybe'"):
        env.check("loader")


def test_a_value_that_is_no_text_is_named_once_and_not_shown() -> None:
    env = Environment({"POSTGRES_PASS": "secret\udcff", "BlobStorage__blobServiceUri": "\udcff"})
    env.text("POSTGRES_PASS")
    env.optional("POSTGRES_PASS")
    env.has("BlobStorage__blobServiceUri")
    with pytest.raises(SettingsMissing) as missing:
        env.check("loader")
    assert str(missing.value).count("POSTGRES_PASS is no text of utf-8") == 1
    assert "BlobStorage__blobServiceUri is no text of utf-8" in str(missing.value)
    assert "secret" not in str(missing.value)


@pytest.mark.parametrize("app", ["scanner", "extractor", "loader", "cog_updater"])
def test_how_long_a_message_is_retried_is_a_setting_of_every_consumer(app: str) -> None:
    settings = importlib.import_module(f"{app}.settings")
    assert settings.read(EVERY).retry == RetryPolicy(give_up_after_s=24 * 3600)
    assert settings.read({**EVERY, "RETRY_LIMIT_HOURS": "72"}).retry.give_up_after_s == 72 * 3600
    assert settings.read({**EVERY, "RETRY_LIMIT_HOURS": "360"}).retry.give_up_after_s == 360 * 3600
    for refused in ("0", "361", "1.5", "a day"):
        with pytest.raises(SettingsMissing, match="RETRY_LIMIT_HOURS must be"):
            settings.read({**EVERY, "RETRY_LIMIT_HOURS": refused})


EVERY = dict.fromkeys(
    (
        *("ServiceBus", "BlobStorage", "StateStorage", "CatalogEvents__topicEndpoint", "SOURCE_CONTAINERS"),
        *("POSTGRES_HOST", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASS"),
    ),
    "x",
)


@pytest.mark.parametrize(
    ("app", "name", "value", "says"),
    [
        ("scanner", "POSTGRES_POOL_SIZE", "0", "must be a whole number from 1 to"),
        ("loader", "POSTGRES_POOL_SIZE", "9" * 20, "must be a whole number from 1 to"),
        ("scanner", "POSTGRES_PORT", "0", "must be a whole number from 1 to 65,535"),
        ("loader", "POSTGRES_PORT", "99999", "must be a whole number from 1 to 65,535"),
        ("cog_updater", "POSTGRES_SSLMODE", "yes", "must be 'prefer', .* or 'verify-full', not 'yes'"),
        ("loader", "POSTGRES_AUTH", "token", "must be 'password' or 'entra', not 'token'"),
        ("scanner", "SCAN_PAGE_SIZE", "0", "must be a whole number from 1 to 5,000, not '0'"),
        ("scanner", "SCAN_PAGE_SIZE", "5001", "must be a whole number from 1 to 5,000"),
        ("extractor", "SOURCE_CONTAINERS", " , ", "names nothing: ' , '"),
        ("extractor", "COG_CONTAINERS", ",", "names nothing: ','"),
        ("extractor", "DECODER_MEMORY_MB", "9" * 20, "must be a whole number from 0 to 2,147,483,647"),
        ("loader", "SKEW_WINDOW_S", "1e300", "must be a number of seconds from 0 to 2,147,483,647"),
        *(
            (app, "STAC_DEFAULT_COLLECTION", id_, "must be a collection's id .*, not ")
            for app in ("scanner", "loader", "cog_updater")
            for id_ in ("My Rasters", "a/b", "größe", "-a", "a\n", "a" * 256)
        ),
    ],
)
def test_a_setting_that_cannot_work_is_named_at_the_start(app: str, name: str, value: str, says: str) -> None:
    settings = importlib.import_module(f"{app}.settings")
    with pytest.raises(SettingsMissing, match=f"{name} {says}"):
        settings.read(EVERY | {name: value})


@pytest.mark.parametrize("text", ["nan", "inf", "-1"])
def test_a_time_that_is_none_is_a_problem_and_no_setting(text: str) -> None:
    env = Environment({"SKEW_WINDOW_S": text})
    env.seconds("SKEW_WINDOW_S", 5.0)
    with pytest.raises(SettingsMissing, match="SKEW_WINDOW_S"):
        env.check("loader")


@pytest.mark.parametrize("app", ["extractor", "loader"])
def test_claims_lie_in_our_own_account_where_there_is_one(app: str) -> None:
    settings = importlib.import_module(f"{app}.settings")
    values = {
        name: "x"
        for name in ("ServiceBus", "BlobStorage", "SOURCE_CONTAINERS", "CatalogEvents__topicEndpoint")
    }
    values |= {"POSTGRES_HOST": "h", "POSTGRES_DB": "d", "POSTGRES_USER": "u", "POSTGRES_PASS": "p"}
    assert settings.read(values).state_connection == "BlobStorage"
    apart = values | {"StateStorage__blobServiceUri": "https://state.example/"}
    assert settings.read(apart).state_connection == "StateStorage"
