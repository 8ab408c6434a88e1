"""Which extractor read a blob is known, whatever versions of the apps write beside one another."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore, apply_rules
from eventstac.facts import NO_RULE, Match, fact_of
from eventstac.rules import Rules, load_rules
from tests.samples import present, url_of

URL = url_of("a/b1.tif")
MATCH = Match("scenes", "a", "b1", rule="scenes")
RULES = "collections: {{scenes: {{title: {title}, rules: [{{name: scenes, pattern: '{{item}}/{{asset}}.tif'}}]}}}}"
LATER = datetime(2024, 6, 1, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("empty")


def put_in_force(owner: Connection, title: str, extractor: int) -> int:
    text = RULES.format(title=title)
    return apply_rules(owner, text, load_rules(text, file="rules.yaml"), extractor)


def test_the_number_in_force_never_becomes_smaller(owner: Connection) -> None:
    assert put_in_force(owner, "One", 18) == 1
    assert put_in_force(owner, "One", 17) == 2, "a rollback: what 18 read is to be read again"
    assert put_in_force(owner, "One", 17) == 2
    assert put_in_force(owner, "Two", 17) == 3
    for own in (17, 18):
        applied = RulesStore("", own).current(owner)
        assert (applied.extractor, applied.since.anything) == (own, 2)
    assert put_in_force(owner, "Two", 18) == 4
    assert RulesStore("", 18).current(owner).since.anything == 4, "what 17 read meanwhile"


def test_a_number_that_only_a_newer_version_has_concerns_no_older_app(owner: Connection) -> None:
    put_in_force(owner, "One", 17)
    assert put_in_force(owner, "One", 18) == 2
    older, newer = (RulesStore("", own).current(owner) for own in (17, 18))
    assert (older.revision, older.since.anything) == (2, 1), "it would go through everything in vain"
    assert (newer.revision, newer.since.anything) == (2, 2)
    put_in_force(owner, "Two", 18)
    assert RulesStore("", 18).current(owner).since.anything == 2, "no rule says anything else since"


def test_nor_where_the_newer_version_s_rules_have_a_field_more(
    owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_force(owner, "One", 17)
    with monkeypatch.context() as newer:
        newer.setattr(Rules, "digest", property(lambda _: "of all fields, also the new one"))
        assert put_in_force(owner, "One", 18) == 2
    assert RulesStore("", 17).current(owner).since.anything == 1
    assert RulesStore("", 18).current(owner).since.anything == 2


@pytest.mark.parametrize("title", ["One", "Two"])
def test_rules_applied_once_more_have_read_again_what_a_newer_scanner_still_carried(
    owner: Connection, connection: Connection, title: str
) -> None:
    """azd sets up the older release first, and pushes its scanner last."""
    put_in_force(owner, "One", 18)
    load(connection, "a", 18)
    assert put_in_force(owner, "One", 17) == 2
    load(connection, "a", 18, revision=2)
    assert put_in_force(owner, title, 17) == 3
    assert RulesStore("", 17).current(owner).since.rule("scenes", "scenes") == 3
    load(connection, "a", 17, revision=3)
    assert put_in_force(owner, title, 17) == 3, "there is nothing left to read again"


@pytest.mark.parametrize("title", ["One", "Two"])
def test_what_nobody_reads_again_makes_no_revision_after_the_first(
    owner: Connection, connection: Connection, title: str
) -> None:
    """Its container is watched no more, say: it is stale since the first, and another one would change nothing."""
    put_in_force(owner, "One", 18)
    load(connection, "a", 18)
    assert put_in_force(owner, "One", 17) == 2
    assert put_in_force(owner, "One", 17) == 2
    load(connection, "a", 18, revision=2)  # carried before that, by a newer scanner
    assert [put_in_force(owner, title, 17) for _ in range(3)] == [3, 3, 3]


@pytest.mark.parametrize("reason", ["gone", NO_RULE])
def test_rules_applied_again_have_nothing_read_again_that_nobody_would_read(
    owner: Connection, connection: Connection, reason: str
) -> None:
    put_in_force(owner, "One", 18)
    finding = replace(present(MATCH, 5, "a"), extractor=18, state="rejected", metadata=None, reason=NO_RULE)
    if reason == "gone":
        finding = replace(finding, state="gone", etag="", storage=None, reason="")
    merge(connection, RulesStore(""), [fact_of(URL, finding)], MergeSettings("loader", 0.5), LATER)
    assert number(connection) == 18
    assert put_in_force(owner, "One", 17) == 2
    assert put_in_force(owner, "One", 17) == 2


@pytest.mark.parametrize(("own", "in_force"), [(19, 18), (18, 18), (17, 17), (16, 0)])
def test_an_older_app_leaves_to_newer_ones_what_they_read_otherwise(
    owner: Connection, own: int, in_force: int
) -> None:
    put_in_force(owner, "One", 18)
    assert RulesStore("", own).current(owner).extractor == in_force


def test_before_readings_said_their_number_none_is_asked_for(owner: Connection) -> None:
    """Else a catalog would be read again only because it was read by a version that did not say so."""
    put_in_force(owner, "One", 16)
    assert RulesStore("", 17).current(owner).extractor == 0


def load(connection: Connection, etag: str, extractor: int, revision: int = 1) -> None:
    finding = replace(present(MATCH, float(ord(etag)), etag, revision=revision), extractor=extractor)
    merge(
        connection,
        RulesStore("bronze-tier"),
        [fact_of(URL, finding)],
        MergeSettings("loader", 0.5),
        LATER,
    )


def number(connection: Connection) -> int | None:
    row = connection.execute("SELECT extractor FROM eventstac.facts WHERE url = %s", [URL]).fetchone()
    return row[0] if row else None


def test_what_a_loader_of_an_older_version_writes_counts_as_read_by_the_oldest(
    owner: Connection, connection: Connection
) -> None:
    put_in_force(owner, "One", 17)
    load(connection, "a", 17)
    assert number(connection) == 17
    load(connection, "b", 17)
    assert number(connection) == 17
    connection.execute(
        """
        UPDATE eventstac.facts
        SET document = ((document::jsonb) #- '{finding,extractor}')::json, revision = revision WHERE url = %s
        """,
        [URL],
    )
    assert number(connection) == 0
    load(connection, "c", 17)
    assert number(connection) == 17


@pytest.mark.parametrize(("extractor", "again"), [(17, 0), (16, 1), (0, 1)])
def test_what_an_older_extractor_read_is_looked_at_once_more(
    owner: Connection, connection: Connection, extractor: int, again: int
) -> None:
    put_in_force(owner, "One", 17)
    for seconds in range(3):  # the older one is still there, and looks again
        finding = replace(present(MATCH, 5, "a"), seen=datetime(2024, 6, 1, 0, 0, seconds, tzinfo=UTC))
        fact = fact_of(URL, replace(finding, extractor=extractor))
        store = RulesStore("bronze-tier", 17)
        merge(connection, store, [fact], MergeSettings("loader", 0.5), LATER)
    row = connection.execute("SELECT count(*) FROM eventstac.outbox WHERE topic = 'blobs-matched'").fetchone()
    assert row == (again,)
