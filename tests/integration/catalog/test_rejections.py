"""Given-up events are kept, chosen and settled."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from eventstac.catalog import rejections
from eventstac.catalog.database import Connection
from eventstac.catalog.rejections import Filter
from eventstac.cli.main import app
from eventstac.events import EventRejected
from tests.integration.conftest import CatalogDatabase
from tests.samples import START, url_of


@pytest.fixture
def connection(database: CatalogDatabase) -> Iterator[Connection]:
    database.clear()
    with database.connect("eventstac_operator") as connection:
        keep(connection, "a1", "blobs-matched/extractor", "gave-up", url_of("a/1.tif"), {"data": {}})
        matched = {"data": {"match": {"collection": "scenes"}}}
        keep(connection, "a2", "asset-facts/loader", "unstorable", url_of("a/2.tif"), matched)
        keep(connection, "b3", "compose", "invalid-item", None, {"collection": "scenes", "item": "x"})
        keep(connection, "b4", "blob-events/scanner", "malformed-event", None, "no JSON at all")
        yield connection


def keep(connection: Connection, identity: str, stage: str, reason: str, url: str | None, event: Any) -> None:
    rejections.record(connection, identity, EventRejected(stage, reason, "because", url, 1, event))


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(depth):
        inner = {"x": inner}
    return inner


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (Filter(), {"a1", "a2", "b3", "b4"}),
        (Filter(reason="gave-up"), {"a1"}),
        (Filter(stage="asset-facts"), {"a2"}),
        (Filter(stage="asset-facts/loader"), {"a2"}),
        (Filter(stage="asset"), set()),
        (Filter(url=url_of("a/")), {"a1", "a2"}),
        (Filter(collection="scenes"), {"a2", "b3"}),
        (Filter(state="discarded"), set()),
        (Filter(state=None, reason="malformed-event"), {"b4"}),
    ],
)
def test_filters_choose(connection: Connection, chosen: Filter, found: set[str]) -> None:
    assert {one.id for one in rejections.find(connection, chosen)} == found


def test_a_cog_s_event_is_about_the_cog_and_its_source(connection: Connection) -> None:
    source, cog = url_of("cog/9.xyz"), url_of("9%20a.tif", "cogs")
    event = {"data": {"source_url": source, "cog_url": f"{cog.replace('%20', ' ')}?sv=2024&sig=x"}}
    keep(connection, "c5", "cog-events/cog-updater", "no-rule", source, event)
    for url in (source, cog):
        assert [one.id for one in rejections.about(connection, url)] == ["c5"]
        assert [one.id for one in rejections.find(connection, Filter(url=url[:-1]))] == ["c5"]
    for number, odd in enumerate(({"cog_url": 7}, {"cog_url": "no url"}, {"cog_url": cog + "x" * 30_000})):
        keep(connection, f"d{number}", "cog-events/cog-updater", "malformed-event", None, {"data": odd})
    assert len(rejections.by_id(connection, "d")) == 3


def test_a_rename_s_event_is_about_both_names(connection: Connection) -> None:
    old, new = url_of("old.tif"), url_of("new%20name.tif")
    event = {"data": {"sourceUrl": old, "destinationUrl": new.replace("%20", " ")}}
    keep(connection, "r5", "blob-events/scanner", "gave-up", old, event)
    assert [one.id for url in (old, new) for one in rejections.about(connection, url)] == ["r5", "r5"]


def test_when_the_bus_first_had_it_is_kept(connection: Connection) -> None:
    late = EventRejected("cog-events/cog-updater", "gave-up", "away", None, 9, {}, START)
    rejections.record(connection, "late", late)
    assert [one.first_sent for one in rejections.by_id(connection, "late")] == [START]
    assert [one.first_sent for one in rejections.by_id(connection, "a1")] == [None]


def test_a_blob_s_collection_is_that_of_its_fact(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO eventstac.facts (url, collection, item, asset, kind, state, seen, etag, revision, document) "
        "VALUES (%s, 'naip', 'i', 'a', 'source', 'gone', now(), '', 1, '{}')",
        [url_of("a/1.tif")],
    )
    assert [one.id for one in rejections.find(connection, Filter(collection="naip"))] == ["a1"]


def test_what_is_settled_is_settled_once(connection: Connection) -> None:
    assert rejections.resolve(connection, ["a1", "a2"], "replayed") == 2
    assert rejections.resolve(connection, ["a1"], "discarded") == 0
    [one] = rejections.by_id(connection, "a1")
    assert one.state == "replayed"
    assert one.resolved_at is not None
    assert {one.id for one in rejections.find(connection, Filter())} == {"b3", "b4"}
    rejections.settle(connection, url_of("a/1.tif"), "gave-up")
    assert rejections.by_id(connection, "a1") == [one]


def test_open_ones_are_counted_by_stage_and_reason_with_the_first_one_s_time(connection: Connection) -> None:
    at = {"a1": START, "a2": START, "b5": START - timedelta(days=2), "b6": START - timedelta(days=9)}
    for identity in ("b5", "b6"):
        keep(connection, identity, "blobs-matched/extractor", "gave-up", None, {"data": {}})
    for identity, when in at.items():
        connection.execute("UPDATE eventstac.rejected SET rejected_at = %s WHERE id = %s", [when, identity])
    rejections.resolve(connection, ["a2", "b3", "b4", "b6"], "discarded")
    assert rejections.counts(connection) == [("blobs-matched/extractor", "gave-up", 2, at["b5"])]
    chosen = rejections.find(connection, Filter(state=None, reason="gave-up"))
    assert [one.id for one in chosen] == ["a1", "b5", "b6"]
    assert len(rejections.find(connection, Filter(), 1)) == 1


def test_an_id_is_found_by_its_beginning(connection: Connection) -> None:
    assert [one.id for one in rejections.by_id(connection, "a")] == ["a1", "a2"]


@pytest.mark.parametrize(
    "odd",
    [
        EventRejected("s", "r", "d", None, 1, {"x": float("inf")}),
        EventRejected("s", "r", "d", None, 1, {"x": float("nan"), "y": "half a pair: \ud800"}),
        EventRejected("s\x00", "r\x00", "\ud800", "u\x00", 1, {"a\x00": "\x00\\u0000"}),
        EventRejected("s", "r", "d", "u" * 200_000, 10**30, "\x00" * 200_000),
        EventRejected("s", "r", "d", None, -1, nested(9_000)),
        EventRejected("s", "r", "d", None, 1, "half a pair: \ud800"),
        EventRejected("s" * 10_000, "r" * 200_000, "d" * 200_000, None, 1, {"x": 10**30}),
    ],
    ids=["inf", "nan", "nul", "long", "deep", "half", "names"],
)
@pytest.mark.parametrize("identity", ["odd", "o" * 10_000, "o\x00\ud800"], ids=["id", "long-id", "odd-id"])
def test_whatever_was_given_up_is_kept_and_found(
    connection: Connection, identity: str, odd: EventRejected
) -> None:
    for _ in range(2):
        rejections.record(connection, identity, odd)
    kept = rejections.find(connection, Filter(collection="scenes"))
    assert {one.id for one in kept} == {"a2", "b3"}
    every = rejections.find(connection, Filter())
    assert len(every) == 5
    assert all(one.attempts >= 0 for one in every)
    assert all(len(f"{one.id}~replay-20240501T120000Z-0123abcd") <= 128 for one in every)


@pytest.mark.parametrize(
    ("asking", "said"),
    [
        (
            "list --stage nope",
            "no rejection has the stage 'nope'; there are asset-facts/loader, blob-events/",
        ),
        (
            "discard --reason nope",
            "no rejection has the reason 'nope'; there are gave-up, invalid-item, malf",
        ),
        ("list --stage asset-facts", ""),
        ("list --reason gave-up --stage compose", ""),
    ],
)
def test_a_word_that_no_rejection_has_is_told(
    connection: Connection, database: CatalogDatabase, asking: str, said: str
) -> None:
    environment = database.environment("eventstac_operator")
    ended = CliRunner().invoke(app, ["rejected", *asking.split()], env=environment)
    assert ended.exit_code == 0
    assert ended.stderr.startswith(said)
    assert bool(ended.stderr) == bool(said)


def test_an_event_s_odd_url_is_listed_and_shown_as_it_is(
    connection: Connection, database: CatalogDatabase
) -> None:
    """It was a mistake of markup that ended the list, and steered the terminal."""
    keep(
        connection,
        "c5",
        "cog-events/cog-updater",
        "bad-url",
        "[/]\x1b[31m\u202e",
        {"data": {"x": "\x9b\x7f"}},
    )
    environment = database.environment("eventstac_operator")
    for asking in ("list", "show c5"):
        ended = CliRunner().invoke(app, ["rejected", *asking.split()], env=environment)
        assert ended.exit_code == 0
        assert r"[/]\u001b[31m\u202e" in ended.stdout
        assert all(character.isprintable() for character in ended.stdout.replace("\n", ""))
