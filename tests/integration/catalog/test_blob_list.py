"""Which blobs are not shown, and why, can be listed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from eventstac.catalog.blob_list import STATES, BlobFilter, count_blobs, list_blobs
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore, apply_rules
from eventstac.cli.main import app
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import load_rules
from tests.integration.conftest import CatalogDatabase
from tests.samples import gone, present, rejected, url_of

EVERYTHING = BlobFilter(STATES)


def match(item: str) -> Match:
    return Match("scenes", item, "b1", rule="scenes")


@pytest.fixture
def connection(database: CatalogDatabase) -> Iterator[Connection]:
    database.clear()
    facts: list[Fact] = [
        fact_of(url_of("a/good.tif"), present(match("one"), 1, "e1")),
        fact_of(url_of("a/twin.tif"), present(match("one"), 1, "e2")),
        fact_of(url_of("b/broken.tif"), rejected(match("two"), 2, "e3")),
        fact_of(url_of("b/deleted.tif"), gone(match("three"), 3)),
    ]
    with database.connect() as loader:
        merge(
            loader,
            RulesStore("bronze-tier"),
            facts,
            MergeSettings("loader", 0.5),
            datetime(2024, 6, 1, tzinfo=UTC),
        )
    with database.connect("eventstac_operator") as connection:
        yield connection


def states(connection: Connection, chosen: BlobFilter, limit: int = 10) -> dict[str, str]:
    return {blob.url.rpartition("/source/")[2]: blob.state for blob in list_blobs(connection, chosen, limit)}


def test_what_wants_somebody_is_listed_unless_something_else_is_asked_for(connection: Connection) -> None:
    assert states(connection, BlobFilter()) == {"a/twin.tif": "conflicting", "b/broken.tif": "rejected"}
    assert states(connection, EVERYTHING) == {
        "a/good.tif": "shown",
        "a/twin.tif": "conflicting",
        "b/broken.tif": "rejected",
        "b/deleted.tif": "gone",
    }


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (BlobFilter(url=url_of("b/")), {"b/broken.tif"}),
        (BlobFilter(collection="naip"), set()),
        (BlobFilter(reason="not-a-raster"), {"b/broken.tif"}),
        (BlobFilter(reason="no-crs"), set()),
        (BlobFilter(states=("gone",)), {"b/deleted.tif"}),
    ],
)
def test_filters_choose(connection: Connection, chosen: BlobFilter, found: set[str]) -> None:
    assert set(states(connection, chosen)) == found
    assert sum(count for *_, count in count_blobs(connection, chosen)) == len(found)


def test_each_says_why(connection: Connection) -> None:
    twin, broken = list_blobs(connection, BlobFilter(), 10)
    assert twin.reason == "conflict"
    assert url_of("a/good.tif") in twin.detail
    assert (broken.reason, broken.collection, broken.item) == ("not-a-raster", "scenes", "two")


def test_of_a_rejected_one_whose_last_reading_is_shown_that_is_said(database: CatalogDatabase) -> None:
    database.clear()
    text = "collections: {scenes: {rules: [{name: scenes, pattern: '{item}/b1.tif', keep_last_good: true}]}}"
    with psycopg.connect(database.settings.conninfo, autocommit=True) as owner, database.connect() as loader:
        apply_rules(owner, text, load_rules(text, file="rules.yaml"), extractor=1)
        for found in (present(match("one"), 1, "e1"), rejected(match("one"), 20, "e2")):
            facts = [
                fact_of(url_of("a/kept.tif"), found),
                fact_of(url_of("b/lost.tif"), rejected(match("x"), 2, "e3")),
            ]
            merge(
                loader, RulesStore(""), facts, MergeSettings("loader", 0.5), datetime(2024, 6, 1, tzinfo=UTC)
            )
        kept, lost = list_blobs(loader, BlobFilter(), 10)
        owner.execute("DELETE FROM eventstac.rules")
    assert kept.detail.endswith("; the Item shows it as it was read last")
    assert "shows it" not in lost.detail


def test_a_list_that_was_cut_says_how_many_more_there_are(
    connection: Connection, database: CatalogDatabase
) -> None:
    environment: dict[str, Any] = database.environment("eventstac_operator")
    result = CliRunner().invoke(app, ["blobs", "--limit", "1"], env=environment)
    assert result.exit_code == 0, result.output
    assert "1 more" in result.output
    listed = json.loads(CliRunner().invoke(app, ["blobs", "--json"], env=environment).output)
    assert [blob["state"] for blob in listed["blobs"]] == ["conflicting", "rejected"]
    assert listed["total"] == 2


def test_a_state_that_is_none_is_said() -> None:
    result = CliRunner().invoke(app, ["blobs", "--state", "lost"])
    assert result.exit_code == 2
    assert "unpublishable" in result.output


@pytest.mark.parametrize(
    "asking", ["blobs --limit", "status --incomplete", "reconcile --allow-removals", "rejected list --limit"]
)
def test_a_number_that_postgresql_does_not_count_to_is_said(asking: str) -> None:
    result = CliRunner().invoke(app, [*asking.split(), "9" * 20])
    assert result.exit_code == 2
    assert str(2**63 - 1) in result.output
