"""Values that a queryable does not take: the fact is kept, the Item says why, and what is mended comes back."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from eventstac.catalog import applying, queryables, rebuilding
from eventstac.catalog import setup as installing
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.queryables import finish_changes
from eventstac.catalog.rules_store import RulesStore
from eventstac.errors import Rejected
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import load_rules
from eventstac.rules import queryables as rules_queryables
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase
from tests.samples import cog_fact, present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
RULES = RulesStore("bronze-tier")
LONG = "".join(chr(0x4E00 + index * 7919 % 20000) for index in range(9000))

pytestmark = pytest.mark.usefixtures("empty")


@pytest.fixture(autouse=True)
def truncated(database: CatalogDatabase) -> None:
    """No row, deleted ones neither: an index takes these in, too, while somebody (ANALYZE) may still see them."""
    with psycopg.connect(database.settings.conninfo, autocommit=True) as owner:
        owner.execute("TRUNCATE pgstac.items")


def apply(connection: Connection, queryables: str, collection: str = "c", more: str = "") -> None:
    text = (
        f"collections:\n  {collection}:\n{more}    queryables: {queryables}\n    rules:\n"
        "      - {name: a, pattern: '{item}.tif', asset: data, assets: {data: {}}}\n"
    )
    rules = load_rules(text, file="collections.yaml")
    applying.prepare(connection, rules)
    applying.apply(connection, text, rules, "a test")
    finish_changes(connection, RULES, "loader", NOW)


def fact(item: str, value: Any, seconds: float = 1, etag: str = "e") -> Fact:
    found = present(Match("c", item, "data", rule="a"), seconds, etag)
    return fact_of(
        url_of(f"{item}.tif"),
        replace(found, metadata={**(found.metadata or {}), "properties": {"x:p": value}}),
    )


def load(connection: Connection, *facts: Fact) -> None:
    merge(connection, RULES, facts, MergeSettings("loader", 0.5), NOW)


def shown(connection: Connection) -> dict[str, Any]:
    rows = connection.execute(
        "SELECT id, content #> '{properties,x:p}' FROM pgstac.items WHERE collection = 'c'"
    )
    return dict(rows.fetchall())


def states(connection: Connection) -> dict[str, tuple[str, str]]:
    rows = connection.execute(
        "SELECT item, state, reason, detail FROM eventstac.items WHERE collection = 'c'"
    )
    return {item: (f"{state} {reason}".strip(), detail) for item, state, reason, detail in rows}


def etags(connection: Connection) -> set[str]:
    return {etag for (etag,) in connection.execute("SELECT etag FROM eventstac.facts")}


def indexes(connection: Connection) -> set[str]:
    rows = connection.execute(
        "SELECT indexdef FROM pg_indexes JOIN pgstac.collections c ON tablename = '_items_' || c.key "
        "WHERE c.id = 'c' AND indexdef LIKE '%%x:p%%'"
    )
    return {text.partition(" USING ")[2] for (text,) in rows}


@pytest.mark.parametrize("sortable", ["true", "false"])
@pytest.mark.parametrize(
    ("kind", "good", "bad", "says"),
    [
        ("number", 3, "n/a", '"n/a" is no number'),
        ("number", 3, [1], "[1] is no number"),
        ("number", 0.5, True, "true is no number"),
        ("number", 0.5, 10**400, "is no number"),
        ("number", " -1.5E3 ", "1e-400", '"1e-400" is no number'),
        ("integer", 3_000_000_000, "12a", '"12a" is no number'),
        ("integer", "12", [1], "[1] is no number"),
        ("integer", -2147483648.5, 10**400, "is no number"),
        ("datetime", "2024-05-01T12:00:00.5+02:00", "yesterdayish", '"yesterdayish" is no date'),
        ("datetime", "2024-05-01", "2024-W01-1", '"2024-W01-1" is no date'),
        ("string", ["a", 3], None, ""),
        ("boolean", "any text", True, ""),
    ],
)
def test_a_value_that_does_not_fit_is_a_fact_and_an_invalid_item(
    connection: Connection, kind: str, sortable: str, good: Any, bad: Any, says: str
) -> None:
    apply(connection, f"{{'x:p': {{type: {kind}, sortable: {sortable}}}}}")
    load(connection, fact("one", good), fact("two", good))
    load(connection, fact("one", bad, 100, "e2"))
    assert etags(connection) == {"e", "e2"}
    if says:
        assert shown(connection) == {"two": good}
        state, detail = states(connection)["one"]
        assert state == "rejected invalid-item"
        for part in (says, "properties.x:p", "queryable 'x:p' of collection 'c'", "Mend the value"):
            assert part in detail
    load(connection, fact("one", good, 200, "e3"))
    assert shown(connection) == {"one": good, "two": good}


def test_a_text_that_is_too_long_to_sort_by_is_an_invalid_item(connection: Connection) -> None:
    apply(connection, "{'x:p': {type: string, sortable: true}}")
    load(connection, fact("long", LONG), fact("just", "é" * 1300))
    assert shown(connection) == {"just": "é" * 1300}
    assert "Shorten the value" in states(connection)["long"][1]
    apply(connection, "{'x:p': {type: string}}")
    assert shown(connection) == {"just": "é" * 1300, "long": LONG}


def test_a_queryable_that_left_the_rules_leaves_pgstac_with_its_index(connection: Connection) -> None:
    apply(connection, "{'x:p': {type: number, sortable: true}}")
    load(connection, fact("one", 3), fact("two", "n/a"))
    assert indexes(connection) == {"btree (to_float(((content -> 'properties'::text) -> 'x:p'::text)))"}
    apply(connection, "{}")
    assert indexes(connection) == set()
    assert not connection.execute("SELECT FROM pgstac.queryables WHERE name = 'x:p'").fetchall()
    assert shown(connection) == {"one": 3, "two": "n/a"}  # nothing refuses it any more
    assert not connection.execute("SELECT FROM eventstac.changed_queryables").fetchall()


def test_a_queryable_of_another_type_has_another_index(connection: Connection) -> None:
    apply(connection, "{'x:p': {type: number, sortable: true}}")
    load(connection, fact("one", 3), fact("two", "n/a"))
    apply(connection, "{'x:p': {type: string, sortable: true}}")
    assert indexes(connection) == {"btree (to_text(((content -> 'properties'::text) -> 'x:p'::text)))"}
    assert shown(connection) == {"one": 3, "two": "n/a"}


def test_a_collection_that_left_the_rules_keeps_no_queryable_of_them(connection: Connection) -> None:
    apply(connection, "{'x:p': {type: number, sortable: true}}")
    load(connection, fact("two", "n/a"))
    apply(connection, "{}", collection="d")
    assert indexes(connection) == set()
    assert shown(connection) == {"two": "n/a"}


def test_what_a_crash_left_of_a_change_is_done_later(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(connection, "{'x:p': {type: number, sortable: true}}")
    load(connection, fact("two", "n/a"))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("eventstac.catalog.queryables.rebuild", crash)
        with pytest.raises(KeyboardInterrupt):
            apply(connection, "{}")
    assert states(connection)["two"][0] == "rejected invalid-item"
    finish_changes(connection, RULES, "loader", NOW)
    assert shown(connection) == {"two": "n/a"}


def test_an_unchanged_queryable_is_left_alone(connection: Connection) -> None:
    apply(connection, "{'x:p': {type: number, sortable: true}}")
    number = "SELECT id FROM pgstac.queryables WHERE name = 'x:p'"
    before = connection.execute(number).fetchall()
    apply(connection, "{'x:p': {type: number, sortable: true}}")
    assert connection.execute(number).fetchall() == before


def test_integers_of_an_older_version_become_numbers(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were compared by what rounds down, and held to four bytes."""
    text = "{'x:p': {type: integer, sortable: true}, 'x:q': {type: integer}}"
    with monkeypatch.context() as older:
        older.setitem(queryables._WRAPPERS, "integer", "to_int")
        older.setattr(rules_queryables, "_number", lambda value: value if value < 2**31 else None)
        apply(connection, text)
        load(connection, fact("one", 3), fact("two", 2.5), fact("huge", 3_000_000_000))
    rounded = "to_int(((content -> 'properties'::text) -> 'x:p'::text))"
    assert (indexes(connection), set(shown(connection))) == ({f"btree ({rounded})"}, {"one", "two"})
    (migration,) = [each for number, _, each in installing._migrations() if number == 18]
    with psycopg.connect(database.settings.conninfo) as owner:
        owner.execute(
            "SELECT pgstac.upsert_queryable('x:own', '{\"type\": \"integer\"}', 'to_int', NULL, '{c}')"
        )
        owner.execute(migration)
    kept = connection.execute("SELECT name, property_wrapper FROM pgstac.queryables WHERE name LIKE 'x:%%'")
    assert dict(kept.fetchall()) == {"x:p": "to_float", "x:q": "to_float", "x:own": "to_int"}
    finish_changes(connection, RULES, "loader", NOW)
    assert indexes(connection) == {"btree (to_float(((content -> 'properties'::text) -> 'x:p'::text)))"}
    assert shown(connection) == {"one": 3, "two": 2.5, "huge": 3_000_000_000}
    connection.execute("SELECT pgstac.delete_queryable('x:own', '{c}')")
    apply(connection, "{}")  # they are ours still
    assert not connection.execute("SELECT FROM pgstac.queryables WHERE name LIKE 'x:%%'").fetchall()


def test_integers_of_a_collection_by_month_whose_items_were_all_refused_become_numbers(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no table yet, and its Items are to be tried again."""
    with monkeypatch.context() as older:
        older.setitem(queryables._WRAPPERS, "integer", "to_int")
        apply(connection, "{'x:p': {type: integer}}", "by-month", "    partition_trunc: month\n")
    (migration,) = [each for number, _, each in installing._migrations() if number == 18]
    with psycopg.connect(database.settings.conninfo) as owner:
        owner.execute(migration)
    noted = connection.execute(
        "SELECT indexes FROM eventstac.changed_queryables WHERE collection = 'by-month'"
    )
    assert noted.fetchall() == [([],)]
    finish_changes(connection, RULES, "loader", NOW)
    apply(connection, "{}", "by-month", "    partition_trunc: month\n")


def passes_of(connection: Connection) -> int:
    (calls,) = connection.execute(
        "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_xact_user_functions WHERE funcname = 'queryable_indexes'"
    ).fetchone() or (0,)
    return int(calls)


def test_pgstac_goes_through_all_queryables_at_most_once_for_each_collection(
    database: CatalogDatabase, postgres: RunningPostgres
) -> None:
    """It takes as long as there are many, and all of them are one transaction."""
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as superuser:
        superuser.execute(f"ALTER DATABASE {database.settings.database} SET track_functions = 'all'")
    leaving = "collections: {}"
    new, changed, sorted_by = (
        "collections:\n"
        + "".join(
            f"  many{number}:\n    queryables: {{a: {{{stated}}}, b: {{{stated}}}, c: {{{stated}}}}}\n    rules:\n"
            f"      - {{name: a, pattern: 'many{number}/{{item}}.tif', asset: data, assets: {{data: {{}}}}}}\n"
            for number in range(3)
        )
        for stated in ("type: number", "type: string", "type: string, sortable: true")
    )
    passes = []
    with database.connect() as connection:
        apply(connection, "{}")
        for text in (new, changed, leaving, sorted_by):
            rules = load_rules(text, file="collections.yaml", default_collection="bronze-tier")
            applying.prepare(connection, rules)
            with connection.transaction():
                before = passes_of(connection)
                applying.apply(connection, text, rules, "a test")
                passes.append(passes_of(connection) - before)
            finish_changes(connection, RULES, "loader", NOW)
        made = connection.execute(
            "SELECT count(*) FROM pg_indexes JOIN pgstac.collections c ON tablename = '_items_' || c.key "
            "WHERE c.id LIKE 'many%%' AND indexdef LIKE '%%to_text%%'"
        ).fetchone()
        assert made == (9,)
        apply(connection, "{}")
    assert passes == [3, 3, 0, 3]


@pytest.mark.parametrize("sortable", ["true", "false"])
def test_a_queryable_that_items_do_not_fit_is_refused(connection: Connection, sortable: str) -> None:
    apply(connection, "{}")
    load(connection, fact("one", 3), fact("two", "n/a"))
    with pytest.raises(Rejected) as refused:
        apply(connection, f"{{'x:p': {{type: number, sortable: {sortable}}}}}")
    for part in ("collections.yaml", "'c'", "'x:p'", "the Item 'two'", '"n/a" is no number', "as string"):
        assert part in refused.value.detail
    assert shown(connection) == {"one": 3, "two": "n/a"}
    assert not connection.execute("SELECT FROM pgstac.queryables WHERE name = 'x:p'").fetchall()


class TestThoseOfAUser:
    """Queryables and indexes that somebody made in pgstac by hand."""

    @pytest.fixture(autouse=True)
    def clean(self, database: CatalogDatabase, connection: Connection) -> None:
        apply(connection, "{}")
        apply(connection, "{}", collection="d")
        with psycopg.connect(database.settings.conninfo, autocommit=True) as owner:
            owner.execute("SET search_path = pgstac, public")
            owner.execute("DELETE FROM pgstac.queryables WHERE name = 'x:p'")
            owner.execute("SELECT maintain_partitions('items', true)")

    def register(self, connection: Connection, collections: list[str]) -> None:
        connection.execute(
            "SELECT pgstac.upsert_queryable('x:p', '{\"type\": \"number\"}', 'to_float', 'BTREE', %s)",
            [collections],
        )

    def test_stay_when_the_rules_change(self, connection: Connection) -> None:
        apply(connection, "{}")
        self.register(connection, ["c"])
        apply(connection, "{'y': {type: string, sortable: true}}")
        apply(connection, "{}")
        assert connection.execute("SELECT FROM pgstac.queryables WHERE name = 'x:p'").fetchall()
        assert len(indexes(connection)) == 1

    def test_stay_those_of_the_other_collections(self, connection: Connection) -> None:
        self.register(connection, ["c", "d"])
        apply(connection, "{'x:p': {type: string}}")
        kept = connection.execute(
            "SELECT collection_ids, property_wrapper FROM pgstac.queryables WHERE name = 'x:p' ORDER BY 1"
        ).fetchall()
        assert kept == [(["c"], "to_text"), (["d"], "to_float")]

    def test_refuse_an_item_alone_and_its_fact_is_kept(
        self, database: CatalogDatabase, connection: Connection
    ) -> None:
        apply(connection, "{}")
        self.register(connection, ["c"])
        catalog = PostgresCatalog(
            database.as_role("eventstac_loader"), MergeSettings("loader", 0.5), "bronze-tier"
        )
        try:
            catalog.merge([fact("one", 3), fact("two", "n/a"), fact("three", LONG), fact("four", 4)])
            catalog.merge([fact("two", "n/a", 50)])  # a duplicate
        finally:
            catalog.close()
        assert shown(connection) == {"one": 3, "four": 4}
        state, detail = states(connection)["two"]
        assert state == "rejected invalid-item"
        assert 'double precision: "n/a"' in detail
        assert len(connection.execute("SELECT FROM eventstac.facts").fetchall()) == 4
        rebuilding.rebuild(
            connection, RULES, [("c", item) for item in ("one", "two", "three")], "loader", NOW
        )
        assert shown(connection) == {"one": 3, "four": 4}
        load(connection, fact("two", 2, 100, "e2"))
        assert shown(connection) == {"one": 3, "two": 2, "four": 4}

    def test_a_cog_of_another_place_that_an_item_does_not_show_as_it_is_refused_is_not_logged(
        self, database: CatalogDatabase, connection: Connection, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.register(connection, ["c"])
        source = fact("two", "n/a")
        found = present(source.match, 2, "c1", west=40)
        found = replace(found, metadata={**(found.metadata or {}), "properties": {"x:p": "n/a"}})
        cog = cog_fact(url_of("two.tif", "cogs"), found, source.url, "e")
        catalog = PostgresCatalog(
            database.as_role("eventstac_loader"), MergeSettings("loader", 0.5), "bronze-tier"
        )
        try:
            catalog.merge([source, cog])
            catalog.merge([fact("two", "none", 50, "e2")])
        finally:
            catalog.close()
        assert states(connection)["two"][0] == "rejected invalid-item"
        assert "cog_elsewhere" not in [each.message for each in caplog.records]
