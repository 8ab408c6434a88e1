"""The merging transaction on the real database: several writers, crashes, and what is announced."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from eventstac.catalog import deleted_directories, outbox
from eventstac.catalog.collection_update import pending_collections, update_collection
from eventstac.catalog.database import Connection, write
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.pgstac_partitions import prepare_collection
from eventstac.catalog.port import Announcement
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.rebuilding import rebuild
from eventstac.catalog.rules_store import RulesStore
from eventstac.compose import Composition
from eventstac.compose import compose as really_compose
from eventstac.facts import Fact, Match, fact_of
from eventstac.origin import Origin
from eventstac.rules import CollectionRules, load_rules
from eventstac.telemetry.spans import inside
from eventstac.times import to_text
from eventstac.validation import event_problems
from tests.integration.catalog.writers import four_writers, limited_waiting
from tests.integration.conftest import CatalogDatabase
from tests.samples import START, cog_fact, gone, present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MERGING = MergeSettings("loader", 0.5)
MONTH_S = 31 * 86_400

pytestmark = pytest.mark.usefixtures("empty")


def fact(
    item: str, asset: str = "b1", seconds: float = 1, etag: str = "e", west: float = 10, **found: Any
) -> Fact:
    match = Match("scenes", item, asset, rule="scenes")
    return fact_of(url_of(f"scenes/{item}/{asset}.tif"), present(match, seconds, etag, west=west, **found))


def removed(item: str, seconds: float) -> Fact:
    match = Match("scenes", item, "b1", rule="scenes")
    return fact_of(url_of(f"scenes/{item}/b1.tif"), gone(match, seconds))


def growing(item: str, etag: str, seen: datetime) -> Fact:
    """An append blob that was written 100 s before NOW."""
    one = fact(item, etag=etag)
    times = dict.fromkeys(("last_modified", "created"), to_text(NOW - timedelta(seconds=100)))
    return replace(
        one,
        finding=replace(
            one.finding, seen=seen, storage={**(one.finding.storage or {}), **times, "grows": True}
        ),
    )


def load(connection: Connection, *facts: Fact) -> None:
    merge(connection, RulesStore("bronze-tier"), facts, MERGING, NOW)


def announced(connection: Connection) -> list[dict[str, Any]]:
    rows = connection.execute("SELECT body FROM eventstac.outbox ORDER BY id").fetchall()
    return [row[0] for row in rows]


def topics(connection: Connection) -> list[str]:
    return [topic for (topic,) in connection.execute("SELECT topic FROM eventstac.outbox ORDER BY id")]


def published(connection: Connection) -> list[Announcement]:
    sent: list[Announcement] = []
    outbox.publish_some(connection, sent.extend)
    return sent


def test_no_update_is_lost_when_one_writer_pauses_between_lock_and_read(database: CatalogDatabase) -> None:
    """The second writer's statement waits for the lock, and reads what the first has committed meanwhile."""
    with database.connect() as first, database.connect() as second, ThreadPoolExecutor(1) as pool:
        with first.transaction():
            load(first, fact("one", "b1"))
            other = pool.submit(load, second, fact("one", "b2"))
            _wait_until_blocked(database)
            assert not other.done()
        other.result(timeout=30)
        row = second.execute("SELECT content->'assets' FROM pgstac.items WHERE id = 'one'").fetchone()
    assert row is not None
    assert set(row[0]) == {"b1", "b2"}


def _wait_until_blocked(database: CatalogDatabase) -> None:
    deadline = time.monotonic() + 20
    with psycopg.connect(database.settings.conninfo, autocommit=True) as watcher:
        while time.monotonic() < deadline:
            row = watcher.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ).fetchone()
            if row and row[0]:
                return
            time.sleep(0.02)
    pytest.fail("the second writer does not wait for the first")


def test_items_are_composed_before_their_locks_are_taken(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others wait for what is locked, and composing is most of the work. What changed meanwhile is composed again."""
    composed: list[tuple[str, ...]] = []

    def compose(facts: Sequence[Fact], rules: CollectionRules | None) -> Composition:
        assert connection.info.transaction_status == TransactionStatus.IDLE
        composed.append(tuple(one.match.asset for one in facts))
        return really_compose(facts, rules)

    monkeypatch.setattr("eventstac.catalog.composing.compose", compose)
    load(connection, fact("one", "b1"))
    load(connection, fact("one", "b2"))
    load(connection, fact("one", "b2"))
    assert composed == [("b1",), ("b1", "b2")]
    composed.clear()
    rebuild(connection, RulesStore("bronze-tier"), [("scenes", "one")], "loader", NOW)
    assert composed == [("b1", "b2")]


def test_four_writers_on_overlapping_items_lose_nothing_and_searching_goes_on(
    database: CatalogDatabase,
) -> None:
    items, assets = [f"i{number}" for number in range(12)], ("b1", "b2", "b3")
    everything = [fact(item, asset) for item in items for asset in assets]
    with limited_waiting(database):
        four_writers(database, everything, load)
    with database.connect() as connection:
        rows = connection.execute("SELECT id, content->'assets' FROM pgstac.items ORDER BY id").fetchall()
    assert {row[0]: set(row[1]) for row in rows} == {item: set(assets) for item in items}


def test_a_blob_that_moves_to_an_item_that_nobody_locked_yet_recomposes_both(connection: Connection) -> None:
    load(connection, fact("one"), fact("two", "b2"))
    url = url_of("scenes/one/b1.tif")
    moved = fact_of(url, present(Match("scenes", "two", "b1", rule="scenes"), 5, "e", revision=2))
    load(connection, moved)
    rows = connection.execute("SELECT id, content->'assets' FROM pgstac.items").fetchall()
    assert [(row[0], set(row[1])) for row in rows] == [("two", {"b1", "b2"})]


def test_a_blob_that_moves_to_another_collection_leaves_the_old_one(connection: Connection) -> None:
    load(connection, fact("one"))
    elsewhere = Match("other", "one", "b1")
    load(connection, fact_of(url_of("scenes/one/b1.tif"), present(elsewhere, 5, "e", revision=2)))
    assert connection.execute("SELECT collection, id FROM pgstac.items").fetchall() == [("other", "one")]


def test_a_blob_that_becomes_another_asset_of_its_item_is_shown_as_that_one_alone(
    connection: Connection,
) -> None:
    load(connection, fact("one"))
    renamed = Match("scenes", "one", "red", rule="scenes")
    load(connection, fact_of(url_of("scenes/one/b1.tif"), present(renamed, 5, "e", revision=2)))
    rows = connection.execute("SELECT id, content->'assets' FROM pgstac.items").fetchall()
    assert [(row[0], set(row[1])) for row in rows] == [("one", {"red"})]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that is executed from now on."""
    seen: list[str] = []
    execute = psycopg.Cursor.execute

    def counted(self: psycopg.Cursor[Any], query: Any, *arguments: Any, **named: Any) -> psycopg.Cursor[Any]:
        seen.append(str(query))
        return execute(self, query, *arguments, **named)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    monkeypatch.setattr(psycopg.Cursor, "executemany", lambda *_: pytest.fail("a statement for each row"))
    return seen


def test_a_hundred_messages_take_as_many_statements_as_two(
    connection: Connection, statements: list[str]
) -> None:
    load(connection, fact("first"))
    taken = []
    for batch in (2, 100):
        statements.clear()
        load(connection, *(fact(f"{batch}-{number}") for number in range(batch)))
        taken.append(len(statements))
    assert taken[0] == taken[1]
    assert 0 < taken[1] < 25


def test_messages_of_three_collections_and_24_months_take_as_many_statements_as_one(
    connection: Connection, statements: list[str]
) -> None:
    collections = ["monthly-a", "monthly-b", "monthly-c"]
    for collection in collections:
        prepare_collection(connection, collection, CollectionRules(collection, partition_trunc="month"))

    def facts(etag: str, months: int) -> list[Fact]:
        return [
            fact_of(
                url_of(f"{collection}/{month}.tif"),
                present(Match(collection, f"m{month}", "b1"), (month + shift) * MONTH_S, etag),
            )
            for collection in collections[: 1 if months == 1 else 3]
            for month in range(months)
            for shift in [etag == "moved"]
        ]

    load(connection, *facts("made", 24))
    load(connection, *facts("moved", 24))
    taken = []
    for etag, months in (("one", 1), ("all", 24), ("moved", 1), ("moved", 24)):
        statements.clear()
        load(connection, *facts(etag, months))
        taken.append(len(statements))
    assert taken[0] == taken[1]
    assert taken[2] == taken[3]
    assert 0 < max(taken) < 25
    rows = connection.execute("SELECT count(*), count(DISTINCT tableoid) FROM pgstac.items").fetchone()
    assert rows == (72, 72)


def test_every_change_is_announced_once_and_validly(connection: Connection) -> None:
    load(connection, fact("one"))
    load(connection, fact("one"))
    load(connection, fact("one", seconds=9, etag="f", west=20))
    load(connection, removed("one", 12))
    events = announced(connection)
    assert [(event["type"], event["data"].get("change")) for event in events] == [
        ("eventstac.item.changed.v1", "created"),
        ("eventstac.item.changed.v1", "updated"),
        ("eventstac.item.removed.v1", None),
    ]
    assert [problem for event in events for problem in event_problems(event, exact=True)] == []
    assert len({event["id"] for event in events}) == 3


def test_two_states_in_the_window_ask_for_a_second_look_after_it(connection: Connection) -> None:
    load(connection, fact("one", etag="a"))
    load(connection, fact("one", etag="b"))
    (look,) = [event for event in announced(connection) if event["type"] == "eventstac.blob.matched.v1"]
    assert look["data"]["cause"] == "second-look"
    [again] = [one for one in published(connection) if one.topic == "blobs-matched"]
    assert again.not_before == NOW + timedelta(seconds=1.5)


def test_what_was_announced_first_is_published_first_wherever_its_row_is(connection: Connection) -> None:
    load(connection, fact("one"))
    load(connection, fact("two"))
    first = "(SELECT min(id) FROM eventstac.outbox)"
    connection.execute(f"UPDATE eventstac.outbox SET made_at = made_at WHERE id = {first}")
    assert [one.event["data"]["item"] for one in published(connection)] == ["one", "two"]


def test_two_states_in_one_batch_ask_for_a_second_look_too(connection: Connection) -> None:
    load(connection, fact("one", etag="a"), fact("one", etag="b"))
    assert "blobs-matched" in topics(connection)


def test_a_look_that_changes_nothing_may_ask_for_a_second_look(connection: Connection) -> None:
    """Of two looks of one second the other stands, and the blob may be gone all the same."""
    load(connection, fact("one", seconds=9))
    assert topics(connection) == ["items-changed"]
    load(connection, removed("one", 9))
    assert topics(connection) == ["items-changed", "blobs-matched"]


def test_what_may_have_grown_and_is_unsure_is_looked_at_once(connection: Connection) -> None:
    load(connection, growing("one", "a", NOW - timedelta(seconds=60)))
    load(connection, growing("one", "b", NOW - timedelta(seconds=60)))
    assert topics(connection).count("blobs-matched") == 2


def test_what_may_have_grown_is_looked_at_again_once_for_each_time(connection: Connection) -> None:
    for seconds in (95, 94):  # the second tells nothing new
        load(connection, growing("one", "a", NOW - timedelta(seconds=seconds)))
    looks = connection.execute(
        "SELECT not_before, body->>'id' FROM eventstac.outbox WHERE topic = 'blobs-matched'"
    ).fetchall()
    [wait_s] = {(not_before - NOW).total_seconds() for not_before, _ in looks}
    assert 5 <= wait_s < 17  # merged late, it is due at once
    assert (len(looks), len({identity for _, identity in looks})) == (2, 1)  # the bus takes one
    assert [problem for event in announced(connection) for problem in event_problems(event, exact=True)] == []


class TestDeletedDirectories:
    """A look from before the deletion is made again; one from after, or of a blob elsewhere, is not."""

    def note(self, database: CatalogDatabase, prefix: str, seconds: float) -> None:
        with database.connect("eventstac_scanner") as scanner:
            deleted_directories.note(scanner, url_of(prefix), START + timedelta(seconds=seconds))

    def looks(self, connection: Connection) -> list[str]:
        rows = connection.execute(
            "SELECT body FROM eventstac.outbox WHERE topic = 'blobs-matched' ORDER BY id"
        )
        return [row[0]["data"]["url"] for row in rows]

    @pytest.mark.parametrize("prefix", ["scenes/one/", "scenes/", "scenes/" + 400 * "ü" + "/"])
    def test_a_look_from_before_is_made_again(
        self, database: CatalogDatabase, connection: Connection, prefix: str
    ) -> None:
        self.note(database, prefix, 5)
        load(connection, fact("one", seconds=3), fact("onetwo", seconds=8))
        below = [url_of("scenes/one/b1.tif")]
        assert self.looks(connection) == (below if "ü" not in prefix else [])

    def test_known_facts_and_other_containers_are_left_alone(
        self, database: CatalogDatabase, connection: Connection
    ) -> None:
        load(connection, fact("one", seconds=3))
        self.note(database, "scenes/one/", 5)
        self.note(database, "scenes/on/", 5)
        load(connection, fact("one", seconds=3), fact("two", seconds=3))
        assert self.looks(connection) == []

    def test_a_deletion_waits_for_a_merge_that_would_not_have_seen_it(
        self, database: CatalogDatabase
    ) -> None:
        with database.connect() as first, ThreadPoolExecutor(1) as pool:
            with first.transaction():
                load(first, fact("one", seconds=3))
                noting = pool.submit(self.note, database, "scenes/one/", 5)
                _wait_until_blocked(database)
                assert not noting.done()
            noting.result(timeout=30)


def _told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    told = [vars(each) for each in caplog.records if each.message == "cog_elsewhere"]
    return [(each["blob"], each["detail"]) for each in told]


def _cog(name: str, etag: str, west: float, **found: Any) -> Fact:
    """A COG of `fact("one")` as it was at first."""
    match = Match("scenes", "one", "b1", rule="scenes")
    return cog_fact(url_of(name, "cogs"), present(match, 5, etag, west=west, **found), fact("one").url, "e")


@pytest.mark.parametrize("reverse", [False, True])
def test_a_cog_of_another_place_than_its_source_is_logged(
    connection: Connection, caplog: pytest.LogCaptureFixture, reverse: bool
) -> None:
    source, right, wrong = fact("one"), _cog("two.tif", "c1", 10.1), _cog("one.tif", "c2", 14)
    for each in [wrong, right, source] if reverse else [source, right, wrong]:
        load(connection, each)
    load(connection, wrong, fact("one", "b2"))
    [(blob, detail)] = _told(caplog)
    assert blob == wrong.url
    assert f"does not meet that of its source {source.url}" in detail


def test_a_cog_of_another_place_is_logged_when_its_item_comes_to_show_it(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    right, wrong = _cog("one.tif", "c1", 10.1), _cog("two.tif", "c2", 14)
    load(connection, fact("one"), right, wrong)
    assert _told(caplog) == []
    load(connection, replace(right, finding=gone(right.match, 9)))
    assert [blob for blob, _ in _told(caplog)] == [wrong.url]


def test_a_cog_of_another_place_is_logged_in_the_trace_of_the_message_that_told_of_it(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    origin = Origin.new("tests")
    with inside(origin, {}):
        load(connection, fact("one"), _cog("one.tif", "c1", 14))
    [told] = [vars(each) for each in caplog.records if each.message == "cog_elsewhere"]
    assert (told["trace_id"], told["span_id"]) == (origin.trace, origin.span)


def test_a_cog_that_its_item_does_not_show_is_not_said_to_be_elsewhere(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no COG, and one of what its source was before; the source is another place by now."""
    none = _cog("none.tif", "c0", 50)
    none = replace(none, finding=present(none.match, 5, "c0", west=50))
    for each in (fact("one", md5="a"), none, _cog("one.tif", "c1", 10.1)):
        load(connection, each)
    load(connection, fact("one", seconds=9, etag="f", west=40, md5="b"))
    assert _told(caplog) == []


def test_a_kill_between_commit_and_acknowledgement_publishes_again(database: CatalogDatabase) -> None:
    sent: list[str] = []

    def publish_and_die(announcements: Sequence[Announcement]) -> None:
        sent.extend(one.event["id"] for one in announcements)
        raise KeyboardInterrupt

    with database.connect() as connection:
        load(connection, fact("one"))
        with pytest.raises(KeyboardInterrupt):
            outbox.publish_some(connection, publish_and_die)
    with database.connect() as another:
        outbox.publish_some(another, lambda some: sent.extend(one.event["id"] for one in some))
        assert outbox.publish_some(another, lambda _: pytest.fail("there is nothing left")) == 0
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_all_of_a_full_outbox_is_published_at_once(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BATCH", 2)
    load(connection, *(fact(str(number)) for number in range(5)))
    sent: list[int] = []
    catalog = PostgresCatalog(
        database.as_role("eventstac_loader"), MergeSettings("loader", 0.5), "bronze-tier"
    )
    try:
        assert catalog.publish_outbox(lambda some: sent.append(len(some))) == 5
    finally:
        catalog.close()
    assert sent == [2, 2, 1]


def test_two_publishers_do_not_publish_the_same_rows(database: CatalogDatabase) -> None:
    with database.connect() as first, database.connect() as second:
        load(first, fact("one"))
        second.execute("SET lock_timeout = '5s'")  # one that waited would wait for ever
        inner: list[int] = []

        def publish(_: Sequence[Announcement]) -> None:
            inner.append(outbox.publish_some(second, lambda _: pytest.fail("published twice")))

        assert outbox.publish_some(first, publish) == 1
    assert inner == [0]


def test_one_fact_that_the_database_refuses_takes_nothing_with_it(connection: Connection) -> None:
    bad = fact("bad", asset="a NUL: \x00")
    with pytest.raises(psycopg.DataError):
        load(connection, fact("good"), bad)
    assert connection.execute("SELECT count(*) FROM eventstac.facts").fetchone() == (0,)
    load(connection, fact("good"))
    assert connection.execute("SELECT id FROM pgstac.items").fetchall() == [("good",)]


class TestCollection:
    def extent(self, connection: Connection) -> tuple[Any, Any]:
        row = connection.execute(
            "SELECT content->'extent' FROM pgstac.collections WHERE id = 'scenes'"
        ).fetchone()
        assert row is not None
        return row[0]["spatial"]["bbox"][0], row[0]["temporal"]["interval"][0]

    def update(self, connection: Connection) -> None:
        update_collection(connection, "scenes", None, "loader", NOW)

    def test_it_grows_and_shrinks_with_its_items(self, connection: Connection) -> None:
        load(connection, fact("one", west=10), fact("two", west=40, seconds=60))
        self.update(connection)
        assert self.extent(connection)[0] == [10, 50, 40.5, 50.5]
        load(connection, removed("two", 90))
        self.update(connection)
        assert self.extent(connection)[0] == [10, 50, 10.5, 50.5]
        load(connection, removed("one", 90))
        self.update(connection)
        assert self.extent(connection) == ([-180, -90, 180, 90], [None, None])

    def test_updating_again_changes_nothing(self, connection: Connection) -> None:
        load(connection, fact("one"))
        self.update(connection)
        assert update_collection(connection, "scenes", None, "loader", NOW) is False

    def test_a_change_that_commits_during_an_update_is_not_missed(self, database: CatalogDatabase) -> None:
        with database.connect() as updater, database.connect() as writer:
            load(writer, fact("one", west=10))
            with updater.transaction():
                self.update(updater)
                load(writer, fact("two", west=60))
            assert pending_collections(updater, load_rules(None, file="none")) == ["scenes"]
            self.update(updater)
            assert self.extent(updater)[0] == [10, 50, 60.5, 50.5]

    def test_a_user_s_own_fields_stay(self, connection: Connection) -> None:
        load(connection, fact("one"))
        connection.execute(
            "UPDATE pgstac.collections SET content = content || '{\"title\": \"Mine\"}' WHERE id = 'scenes'"
        )
        self.update(connection)
        row = connection.execute(
            "SELECT content->>'title' FROM pgstac.collections WHERE id = 'scenes'"
        ).fetchone()
        assert row == ("Mine",)

    def test_the_count_follows(self, connection: Connection) -> None:
        load(connection, fact("one"), fact("two"))
        load(connection, removed("two", 9))
        self.update(connection)
        row = connection.execute(
            "SELECT items FROM eventstac.collections WHERE collection = 'scenes'"
        ).fetchone()
        assert row == (1,)


def test_what_could_not_be_read_again_never_gets_into_the_outbox(connection: Connection) -> None:
    """One such row would keep all others in it for ever."""
    half = Announcement("rejected", {"data": {"detail": "half a pair: \ud800"}})
    with pytest.raises(UnicodeEncodeError):
        write(connection, [outbox.add([half])])
    assert connection.execute("SELECT count(*) FROM eventstac.outbox").fetchone() == (0,)
