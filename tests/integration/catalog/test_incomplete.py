"""Items that wait for an asset are listed with what they lack and since when."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from eventstac.catalog.applying import prepare
from eventstac.catalog.blob_list import BlobFilter, list_blobs
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.overview import IncompleteItem, overview
from eventstac.catalog.port import Merged
from eventstac.catalog.rules_store import RulesStore, apply_rules
from eventstac.facts import Fact, fact_of
from eventstac.rules import Rules, load_rules
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import new_database
from tests.samples import START, gone, present, url_of

TEXT = """
collections:
  c:
    rules:
      - name: r
        pattern: '{item}_{asset}'
        require: [red, meta, thumb]
        assets:
          red: {match: red.tif}
          meta: {match: m.txt, read: file}
          thumb: {match: t.jpg, read: file}
"""


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules(TEXT, file="rules.yaml", default_collection="bronze-tier")


@pytest.fixture(scope="module")
def connection(postgres: RunningPostgres, rules: Rules) -> Iterator[Connection]:
    database = new_database(postgres)
    with connect(database.settings) as owner:
        prepare(owner, rules)
        apply_rules(owner, TEXT, rules, 1)
    with database.connect() as connection:
        yield connection


def arrive(
    connection: Connection, rules: Rules, name: str, second: float, *, is_gone: bool = False
) -> Merged:
    url = url_of(name)
    match = rules.match(url)
    assert match is not None
    finding = gone(match, second) if is_gone else present(match, second, f"e{second}")
    fact: Fact = fact_of(url, finding)
    return merge(connection, RulesStore("bronze-tier"), [fact], MergeSettings("loader", 0.5), START)


def listed(connection: Connection) -> dict[str, IncompleteItem]:
    found = overview(connection, RulesStore("bronze-tier").current(connection), 20)
    return {each.item: each for each in found.incomplete}


def long_ago(connection: Connection, item: str) -> datetime:
    """Move the time since when an Item is incomplete back by an hour, as if it had passed."""
    row = connection.execute(
        "UPDATE eventstac.items SET incomplete_since = incomplete_since - %s WHERE item = %s "
        "RETURNING incomplete_since",
        [timedelta(hours=1), item],
    ).fetchone()
    assert row is not None
    since: datetime = row[0]
    return since


def test_an_item_without_its_data_asset_is_listed_and_counted_and_so_are_its_blobs(
    connection: Connection, rules: Rules
) -> None:
    arrive(connection, rules, "a_m.txt", 1)
    assert listed(connection)["a"].missing == ("red", "thumb")
    arrive(connection, rules, "a_t.jpg", 2)
    assert arrive(connection, rules, "a_t.jpg", 2).fresh == 0
    assert listed(connection)["a"].missing == ("red",)
    overall = overview(connection, RulesStore("bronze-tier").current(connection), 20)
    assert [each.incomplete for each in overall.collections if each.collection == "c"] == [1]
    blobs = list_blobs(connection, BlobFilter(url=url_of("a_")), 20)
    assert {blob.state for blob in blobs} == {"incomplete"}
    assert [blob.detail for blob in blobs] == ["the Item waits for red"] * 2


def test_the_age_is_since_it_became_incomplete_whatever_arrives_meanwhile(
    connection: Connection, rules: Rules
) -> None:
    arrive(connection, rules, "b_m.txt", 1)
    since = long_ago(connection, "b")
    arrive(connection, rules, "b_red.tif", 2)
    assert (listed(connection)["b"].missing, listed(connection)["b"].since) == (("thumb",), since)
    arrive(connection, rules, "b_t.jpg", 3)
    assert "b" not in listed(connection)
    arrive(connection, rules, "b_red.tif", 4, is_gone=True)
    assert listed(connection)["b"].missing == ("red",)
    assert listed(connection)["b"].since > since


def test_an_item_of_which_the_last_blob_is_gone_is_not_listed(connection: Connection, rules: Rules) -> None:
    arrive(connection, rules, "c_m.txt", 1)
    assert "c" in listed(connection)
    arrive(connection, rules, "c_m.txt", 2, is_gone=True)
    assert "c" not in listed(connection)
