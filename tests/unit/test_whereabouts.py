"""Where a blob is: each verdict, and what it says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from eventstac.blobs import Look
from eventstac.catalog.item_rows import ItemRow
from eventstac.catalog.rejections import Rejection
from eventstac.evidence import Evidence, Queued
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import Explanation
from eventstac.times import to_text
from eventstac.verdict import to_json
from eventstac.whereabouts import whereabouts
from tests.samples import START, at, cog_fact, gone, present, rejected, url_of

URL = url_of("scenes/one/b10m.tif")
MATCH = Match("scenes", "one", "b10m", rule="scenes")
LOOK = Look(URL, "present", at(9), etag="e2", size=10, last_modified=START)


def evidence(**changes: object) -> Evidence:
    known = Evidence(
        url=URL,
        look=LOOK,
        not_watched=None,
        is_source=True,
        explanation=Explanation(URL, "matched", "rule 'scenes' matches", MATCH),
        revision=1,
        fact=None,
        item=None,
        published=False,
        queued=(),
        rejections=(),
    )
    return replace(known, **changes)  # type: ignore[arg-type]  # the fields of Evidence


def read(etag: str = "e2") -> Fact:
    return fact_of(URL, present(MATCH, 5, etag))


def growing(rested_s: float = 0) -> Fact:
    """An append blob that was seen so long after it was written."""
    finding = read("e1").finding
    storage = {**(finding.storage or {}), "grows": True}
    return fact_of(URL, replace(finding, seen=finding.seen + timedelta(seconds=rested_s), storage=storage))


def row(state: str = "published", **changes: object) -> ItemRow:
    return replace(ItemRow(("scenes", "one"), state, "digest", urls=(URL,)), **changes)  # type: ignore[arg-type]


GONE = replace(LOOK, state="gone", etag="")
GROWING = replace(LOOK, grows=True)
# Made two hours and a half after what is known of the URL, and written a moment ago.
NEW = replace(GROWING, seen=at(9010), created=at(9000), last_modified=at(9008))
REJECTED = fact_of(URL, rejected(MATCH, 5, "e2"))
ARCHIVED = replace(rejected(MATCH, 5, "e2"), reason="archived")
WITHOUT_RULE = replace(rejected(MATCH, 5, "e2"), reason="no-rule")
COG = url_of("one.tif", "left")
COPYING: dict[str, object] = {"look": None, "copying": f"{URL} is still being copied: 1/9 bytes"}
GIVEN_UP = Rejection("id", "blobs-matched/extractor", "gave-up", "away", URL, 9, {}, "open", at(3))
SHOWN: dict[str, object] = {"fact": read(), "item": row(), "published": True}


@pytest.mark.parametrize(
    ("known", "verdict", "says"),
    [
        (evidence(look=GONE), "not in storage", "nobody ever looked"),
        (evidence(look=GONE, fact=fact_of(URL, gone(MATCH, 5))), "not in storage", "the catalog knows it"),
        (
            evidence(look=GONE, fact=read(), item=row(), published=True),
            "not in storage",
            "still shows it. `eventstac reconcile` looks at it, and takes it out",
        ),
        (
            evidence(look=GONE, fact=read(), item=row(urls=(COG,)), published=True),
            "not in storage",
            "still shows it. `eventstac reconcile` looks at it, and takes it out",
        ),
        (
            evidence(look=GONE, fact=read(), item=row(urls=("another",), conflicts=(URL,)), published=True),
            "not in storage",
            "the catalog does not show it. `eventstac reconcile` looks at it",
        ),
        (
            evidence(look=GONE, fact=REJECTED, item=row(urls=("another",)), published=True),
            "not in storage",
            "the catalog does not show it. `eventstac reconcile` looks at it",
        ),
        (
            evidence(look=GONE, fact=read(), queued=[Queued("blob-events", at(6), 1)]),
            "not in storage",
            "the catalog does not show it, a look is waiting at scanner",
        ),
        (evidence(look=replace(GONE, is_folder=True)), "ignored", "it is a folder's marker"),
        (
            evidence(look=replace(GONE, is_folder=True), fact=read(), item=row(), published=True),
            "not in storage",
            "the storage has a folder's marker (0 bytes with hdi_isfolder) there, and no file any more; the catalog "
            "still shows it. `eventstac reconcile`",
        ),
        (
            evidence(look=replace(GONE, is_folder=True), fact=fact_of(URL, gone(MATCH, 5))),
            "not in storage",
            "a folder's marker (0 bytes with hdi_isfolder) there, and no file, and the catalog knows it",
        ),
        (evidence(look=None, not_watched="its container is not declared"), "ignored", "not declared"),
        (evidence(explanation=Explanation(URL, "ignored", "`ignore: *.tmp`")), "ignored", "*.tmp"),
        (
            evidence(**COPYING, explanation=Explanation(URL, "ignored", "`ignore: *.tmp`")),
            "ignored",
            "*.tmp",
        ),
        (evidence(**COPYING), "waiting", "is still being copied: 1/9 bytes"),
        (evidence(**COPYING, **SHOWN), "waiting", "1/9 bytes; the catalog shows it as it was at 20"),
        (
            evidence(**COPYING, rejections=(GIVEN_UP,)),
            "waiting",
            "gave-up: away: when it is copied, `eventstac reconcile` looks at it",
        ),
        (
            evidence(look=GROWING),
            "waiting",
            "bytes are added without an event, and was written a short time ago: it is",
        ),
        (evidence(look=replace(GROWING, seen=at(600))), "waiting", "the storage event is still to come"),
        (
            evidence(look=replace(GROWING, seen=at(3599)), fact=growing()),
            "waiting",
            f"written a short time ago: the catalog knows it as it was at {to_text(at(5))}, and is looked at again",
        ),
        (evidence(look=LOOK, fact=growing()), "waiting", "is looked at again"),  # it was sealed
        (
            evidence(look=replace(NEW, grows=False), fact=growing()),
            "stale",
            f"{to_text(at(5))}; no message about it is in a queue. `eventstac scan",
        ),
        (
            evidence(**SHOWN | {"fact": read("e1")}, look=NEW),
            "waiting",
            f"the catalog shows it as it was at {to_text(at(5))}; it is read when it is whole, or when nobody has",
        ),
        (
            evidence(look=NEW, fact=growing()),
            "waiting",
            "; it is read when it is whole, or when nobody has written for ten minutes; a message that failed",
        ),
        (
            evidence(look=replace(GROWING, seen=at(9010), last_modified=at(9008)), fact=growing()),
            "waiting",
            f"the catalog knows it as it was at {to_text(at(5))}, and is looked at again",
        ),
        (
            evidence(look=replace(GROWING, seen=at(9010), last_modified=at(9008)), fact=growing(3001)),
            "stale",
            "",
        ),
        (evidence(look=replace(NEW, seen=at(9000 + 610)), fact=growing()), "stale", "bytes were appended"),
        (evidence(look=GROWING, **SHOWN), "searchable", "shows it"),
        (
            evidence(look=replace(GROWING, seen=at(3605)), fact=growing()),
            "stale",
            "as where bytes were appended to an append blob, or pages written into a page blob. `eventstac scan",
        ),
        (evidence(fact=read("e1")), "stale", "no message about it is in a queue. `eventstac scan"),
        (
            evidence(look=replace(LOOK, size=1234), fact=read("e1")),
            "stale",
            "as where only its metadata, properties or tier were set. `eventstac scan",
        ),
        (
            evidence(**COPYING, queued=(Queued("blobs-matched", at(2), 3),)),
            "waiting",
            "1/9 bytes; a message about it is waiting for extractor (attempt 3)",
        ),
        (
            evidence(**SHOWN, extractor=18),
            "searchable",
            "shows it; an extractor older than the one in force (18) read it: the next reconcile has it",
        ),
        (
            evidence(fact=fact_of(URL, rejected(MATCH, 5, "e2")), extractor=18),
            "rejected",
            "; an extractor older",
        ),
        (
            evidence(**SHOWN, explanation=Explanation(URL, "ignored", "`ignore: q/**` matches it")),
            "ignored",
            "`ignore: q/**` matches it; the catalog still shows it, until `eventstac reconcile` takes it out",
        ),
        (
            evidence(**SHOWN, explanation=Explanation(URL, "unmatched", "no rule matches")),
            "no rule",
            "; the catalog still shows it, until `eventstac reconcile` takes it out",
        ),
        (
            evidence(**SHOWN, is_source=False),
            "ignored",
            "has named it; the catalog still shows it, as of a source container: docs/operate.md says how it leaves",
        ),
        (
            evidence(**SHOWN, look=None, not_watched="its container is not declared", is_source=False),
            "ignored",
            "not declared; the catalog still shows it, as of a source container",
        ),
        (
            evidence(
                url=COG,
                look=None,
                not_watched="its container is not declared",
                is_source=False,
                fact=cog_fact(COG, present(MATCH, 5, "e2"), URL),
                item=row(urls=(URL, COG)),
                published=True,
            ),
            "ignored",
            f"not declared; the catalog still shows it, as a COG of {URL}: docs/operate.md says how it leaves",
        ),
        (
            evidence(**SHOWN, look=replace(LOOK, state="archived"), rejections=[GIVEN_UP]),
            "stale",
            "the catalog shows it as it was at",
        ),
        (
            evidence(
                **SHOWN,
                look=replace(LOOK, state="archived"),
                rejections=[replace(GIVEN_UP, rejected_at=at(7))],
            ),
            "rejected",
            "blobs-matched/extractor gave it up",
        ),
        (evidence(is_source=False), "ignored", "no cog.completed that was handled has named it"),
        (
            evidence(is_source=False, queued=[Queued("cog-events", at(1), 2)]),
            "waiting",
            "a message about it is waiting for cog_updater (attempt 2)",
        ),
        (
            evidence(is_source=False),
            "ignored",
            "a message that failed is in no queue while it waits to be tried again, as a rule up to five minutes at a "
            "time (longer where the far side asks for it)",
        ),
        (
            evidence(explanation=Explanation(URL, "unmatched", "no rule matches")),
            "no rule",
            "no rule matches",
        ),
        (evidence(), "waiting", "the storage event is still to come"),
        (evidence(), "waiting", f"`eventstac trace {URL}` tells of its tries"),
        (evidence(queued=[Queued("blobs-matched", at(1), 1)]), "waiting", "waiting for extractor"),
        (
            evidence(queued=[Queued("asset-facts", at(1), 4)]),
            "waiting",
            "waiting for loader (attempt 4)",
        ),
        (evidence(fact=fact_of(URL, rejected(MATCH, 5, "e2"))), "rejected", "not-a-raster"),
        (
            evidence(**SHOWN | {"fact": fact_of(URL, rejected(MATCH, 5, "e2"))}),
            "rejected",
            "; Item one of collection scenes shows it as it was read last",
        ),
        (evidence(fact=fact_of(URL, ARCHIVED), look=replace(LOOK, state="archived")), "rejected", "archived"),
        (
            evidence(fact=fact_of(URL, ARCHIVED), look=replace(LOOK, size=1234)),
            "stale",
            "metadata, properties or tier were set. `eventstac scan source/scenes/one/b10m.tif` looks at it again",
        ),
        (
            evidence(**SHOWN, look=replace(LOOK, state="archived")),
            "stale",
            "the catalog shows it as it was at",
        ),
        (
            evidence(fact=fact_of(URL, WITHOUT_RULE)),
            "stale",
            "it left the catalog when no rule matched it, and one does; no message about it is in a queue. `eventstac",
        ),
        (
            evidence(fact=read(), item=row("rejected", reason="conflicting-property")),
            "rejected",
            "conflicting",
        ),
        (
            evidence(queued=[Queued("blobs-matched", at(1), 1, "MaxDeliveryCountExceeded")]),
            "rejected",
            "dead letters",
        ),
        (evidence(fact=read(), item=row(conflicts=(URL,)), published=True), "rejected", "conflict"),
        (
            evidence(fact=read(), item=row("incomplete", missing=("red", "nir"))),
            "incomplete",
            "missing red, nir",
        ),
        (evidence(fact=read()), "waiting", "a data asset, or its builder wants none"),
        (evidence(fact=read("e1"), item=row(), published=True), "stale", "the catalog shows it as it was at"),
        (evidence(fact=read("e1")), "stale", "the catalog knows it as it was at"),
        (evidence(fact=read("e1")), "stale", "`eventstac scan source/scenes/one/b10m.tif` looks at it again"),
        (evidence(fact=read(), item=row(), published=False), "stale", "rebuild"),
        (evidence(fact=read(), item=row(), published=True), "searchable", "Item one of collection scenes"),
        (
            evidence(fact=read(), item=row(urls=()), published=True),
            "searchable",
            "shows its COG in its place",
        ),
        (evidence(fact=read(), item=row(), published=True, revision=7), "searchable", "revision 1"),
    ],
)
def test_each_verdict_has_its_reason(known: Evidence, verdict: str, says: str) -> None:
    found = whereabouts(known)
    assert found.verdict == verdict
    assert says in found.why
    assert to_json(known, found)["verdict"] == verdict


@pytest.mark.parametrize("name", ["nodata_problem", "thumbnail_problem"])
def test_what_the_rule_asks_and_the_file_cannot_follow_is_told(name: str) -> None:
    problem = {"reason": "some-reason", "detail": "the rule's nodata 300 is no value of uint8"}
    fact = fact_of(URL, replace(present(MATCH, 5, "e2"), metadata={name: problem}))
    found = whereabouts(evidence(fact=fact, item=row(), published=True))
    assert found.verdict == "searchable"
    assert found.why.endswith("shows it; the rule's nodata 300 is no value of uint8")


def test_why_a_frame_stands_for_valid_data_is_told() -> None:
    problem = {"reason": "no-valid-data", "detail": "no pixel holds data"}
    read = {"footprint": {"type": "Polygon"}, "footprint_problem": problem}
    fact = fact_of(URL, replace(present(MATCH, 5, "e2"), metadata=read))
    found = whereabouts(evidence(fact=fact, item=row(), published=True))
    says = "shows it; the footprint is that of the whole image: no pixel holds data"
    assert found.why.endswith(says)


def test_a_watched_blob_that_an_event_made_a_cog_says_which_event() -> None:
    claimed = cog_fact(URL, present(MATCH, 5, "e2"), url_of("s.tif"))
    not_a_cog = cog_fact(URL, replace(rejected(MATCH, 5, "e2"), reason="not-a-cog"), url_of("s.tif"))
    for fact, verdict in ((claimed, "searchable"), (not_a_cog, "rejected")):
        known = evidence(fact=fact, item=row(), published=True)
        found = whereabouts(known)
        assert found.verdict == verdict
        said = (
            f"taken for a COG of {url_of('s.tif')}, because a cog.completed said so at {to_text(at(5))}: docs"
        )
        assert said in found.why
        assert to_json(known, found)["cog_of"] == {
            "source_url": url_of("s.tif"),
            "said": at(5).isoformat(),
        }
        assert "said so" not in whereabouts(replace(known, is_source=False)).why


def test_a_conflict_says_which_of_the_two_it_is() -> None:
    claimed = cog_fact(URL, present(MATCH, 5, "e2"), url_of("s.tif"))
    known = evidence(fact=claimed, item=row(conflicts=(URL,)), published=True)
    assert "named it as a source" not in whereabouts(known).why
    why = whereabouts(replace(known, fact=replace(claimed, is_refused=True))).why
    assert "an earlier one named it as a source: it stays one" in why
    assert "another blob" not in why


def test_what_does_not_hold_is_not_said() -> None:
    refused = replace(cog_fact(URL, present(MATCH, 5, "e2"), url_of("s.tif")), is_refused=True)
    newer = fact_of(URL, replace(read().finding, revision=3))
    elsewhere: dict[str, object] = {"fact": REJECTED, "item": row(urls=("another",)), "published": True}
    lost: dict[str, object] = {"fact": REJECTED, "item": row(), "published": False}
    for known, unsaid in (
        (evidence(fact=refused, item=row(conflicts=(URL,)), published=True), "it lies in a source container"),
        (evidence(**SHOWN | {"fact": newer}), "found by revision"),
        (evidence(**SHOWN, extractor=-1), "an extractor older"),
        (evidence(**elsewhere), "as it was read last"),
        (evidence(**lost), "as it was read last"),
        (evidence(look=NEW, fact=fact_of(URL, gone(MATCH, 5))), "was not there"),
        (evidence(look=replace(GROWING, seen=at(9999)), fact=fact_of(URL, gone(MATCH, 5))), "as where"),
        (evidence(look=replace(LOOK, size=1234), fact=fact_of(URL, WITHOUT_RULE)), "as where"),
        (evidence(bus_away="Service Bus at x does not answer", **COPYING), "is in no queue"),
    ):
        assert unsaid not in whereabouts(known).why


def test_programs_are_told_of_dead_letters_as_of_what_waits_no_more() -> None:
    dead = Queued("cog-events", at(1), 1, "MaxDeliveryCountExceeded")
    known = evidence(queued=[dead, Queued("blob-events", at(2), 1)])
    assert [one["stage"] for one in to_json(known, whereabouts(known))["waiting"]] == ["scanner"]


def test_a_changed_cog_is_said_to_wait_for_no_event() -> None:
    found = whereabouts(
        evidence(fact=cog_fact(URL, present(MATCH, 5, "e1"), url_of("s.tif")), is_source=False)
    )
    assert found.verdict == "stale"
    assert "no event tells of an upload to a COG container: send cog.completed again" in found.why


def test_without_service_bus_nothing_is_said_of_what_is_on_its_way() -> None:
    away = "Service Bus at x does not answer"
    for known in (evidence(bus_away=away), evidence(bus_away=away, fact=read("e1"))):
        found = whereabouts(known)
        assert "whether a message about it is on its way is not known" in found.why
        assert "still to come" not in found.why
        assert to_json(known, found)["service_bus"] == away
    assert "no cog.completed that was handled" in whereabouts(evidence(bus_away=away, is_source=False)).why
    known = evidence(bus_away=away, fact=read(), item=row(), published=True)
    assert whereabouts(known).verdict == "searchable"


def test_on_azure_tries_are_told_by_a_query() -> None:
    why = whereabouts(evidence(is_traced_on_azure=True)).why
    assert f"docs/operate.md's query of Application Insights (blob {URL}) tells of its tries" in why
    assert "eventstac trace" not in why


@pytest.mark.parametrize("is_source", [True, False])
def test_a_blob_that_was_gone_when_it_was_looked_at_and_is_there_is_told_with_what_to_do(
    is_source: bool,
) -> None:
    fact = fact_of(URL, gone(MATCH, 5)) if is_source else cog_fact(URL, gone(MATCH, 5), url_of("s.tif"))
    known = evidence(fact=fact, is_source=is_source)
    found = whereabouts(known)
    assert found.verdict == "stale"
    assert "looked at, at 2024-05-01T12:00:05Z, it was not there" in found.why
    assert "nobody looked at it" not in found.why
    assert "`eventstac scan source/scenes/one/b10m.tif` looks at it again" in found.why
    assert ("send cog.completed again" in found.why) == (not is_source)
    waits = whereabouts(replace(known, queued=[Queued("cog-events", at(1), 1)]))
    assert (waits.verdict, waits.stage) == ("waiting", "cog_updater")


def test_waiting_says_where_and_since_when() -> None:
    found = whereabouts(evidence(queued=[Queued("blobs-matched", at(5), 1), Queued("blob-events", at(1), 1)]))
    assert (found.stage, found.since) == ("scanner", at(1))
    assert found.text == "waiting at scanner since 2024-05-01T12:00:01Z"


def test_incomplete_says_what_is_missing() -> None:
    found = whereabouts(evidence(fact=read(), item=row("incomplete", missing=("red", "nir"))))
    assert found.text == "incomplete (missing red, nir)"


def test_a_rejection_counts_until_the_blob_is_written_again() -> None:
    given_up = Rejection("r", "blobs-matched/extractor", "gave-up", "away", URL, 9, {}, "open", START)
    assert whereabouts(evidence(rejections=[given_up])).verdict == "rejected"
    later = replace(LOOK, last_modified=START + timedelta(hours=1))
    assert whereabouts(evidence(rejections=[given_up], look=later)).verdict == "waiting"
    discarded = replace(given_up, state="discarded")
    assert whereabouts(evidence(rejections=[discarded])).verdict == "waiting"


def test_a_cog_whose_event_was_given_up_is_not_said_to_have_none() -> None:
    given_up = Rejection(
        "r",
        "cog-events/cog-updater",
        "no-rule",
        "none matches x",
        "",
        1,
        {},
        "open",
        at(0) - timedelta(days=1),
    )
    found = whereabouts(evidence(is_source=False, rejections=[given_up]))
    assert (found.verdict, found.stage) == ("rejected", "cog-events/cog-updater")
    assert "no-rule: none matches x" in found.why
    dead = Queued("cog-events", at(1), 1, "MaxDeliveryCountExceeded")
    assert whereabouts(evidence(is_source=False, queued=[dead])).verdict == "rejected"
    settled = replace(given_up, state="discarded")
    assert whereabouts(evidence(is_source=False, rejections=[settled])).verdict == "ignored"
    none = Explanation(URL, "unmatched", "no rule matches")
    source = whereabouts(evidence(explanation=none, rejections=[given_up]))
    assert source.verdict == "no rule"
    assert "An event about it is given up: cog-events/cog-updater gave it up: no-rule" in source.why


class TestCogs:
    COG = cog_fact(URL, present(MATCH, 5, "e2"), url_of("scenes/one/source.tif"))

    def test_a_cog_waits_for_its_source(self) -> None:
        found = whereabouts(evidence(fact=self.COG, is_source=False))
        assert (found.verdict, found.stage) == ("waiting", "compose")
        assert "scenes/one/source.tif" in found.why

    def test_a_cog_whose_source_left_an_item_of_many_files_is_not_said_to_be_searchable(self) -> None:
        finding = present(MATCH, 5, "e2")
        valid = replace(finding, metadata={**(finding.metadata or {}), "cog": {"valid": True}})
        fact = cog_fact(URL, valid, url_of("scenes/one/source.tif"))
        found = whereabouts(evidence(fact=fact, item=row(urls=("another",)), published=True))
        assert (found.verdict, found.stage) == ("waiting", "compose")
        assert "scenes/one/source.tif" in found.why

    def test_a_cog_that_is_none_is_not_said_to_be_searchable(self) -> None:
        finding = present(MATCH, 5, "e2")
        none = replace(finding, metadata={"cog": {"valid": False, "problems": ["it is not tiled"]}})
        fact = replace(cog_fact(URL, none, url_of("scenes/one/source.tif")), finding=none)
        found = whereabouts(evidence(fact=fact, item=row(urls=("another",)), published=True, is_source=False))
        assert (found.verdict, found.why) == ("rejected", "not-a-cog: it is not tiled")

    @pytest.mark.parametrize(("west", "apart"), [(10.4, False), (14.0, True)])
    def test_of_a_cog_of_another_place_than_its_source_that_is_said(self, west: float, apart: bool) -> None:
        source = fact_of(url_of("scenes/one/source.tif"), present(MATCH, 5, "e1", west=west))
        found = whereabouts(evidence(fact=self.COG, item=row(), published=True, source=source))
        assert found.verdict == "searchable"
        assert (f"does not meet that of its source {source.url}" in found.why) == apart
        odd = [replace(source.finding, metadata={"bbox": box}) for box in ([1], "west", [None, 0, 0, "x"])]
        for finding in (rejected(MATCH, 6, "e2"), *odd):
            unknown = replace(source, finding=finding)
            known = evidence(fact=self.COG, item=row(), published=True, source=unknown)
            assert "meet" not in whereabouts(known).why

    def test_of_a_cog_that_is_shown_as_a_source_after_all_no_other_source_is_spoken_of(self) -> None:
        source = fact_of(url_of("scenes/one/source.tif"), present(MATCH, 5, "e1", west=14.0))
        refused = replace(self.COG, is_refused=True)
        found = whereabouts(evidence(fact=refused, item=row(), published=True, source=source))
        assert (found.verdict, "meet" in found.why) == ("searchable", False)

    def test_programs_are_told_of_no_claim_that_is_refused(self) -> None:
        for is_refused, kind in ((False, "cog"), (True, "source")):
            known = evidence(fact=replace(self.COG, is_refused=is_refused), item=row(), published=True)
            said = to_json(known, whereabouts(known))
            assert (said["kind"], said["cog_of"] is None) == (kind, is_refused)

    @pytest.mark.parametrize(
        "other", [{"extractor": 18}, {"match": replace(MATCH, options={"crs": "EPSG:32632"})}]
    )
    def test_a_cog_that_was_read_otherwise_than_its_source_is_not_compared(
        self, other: dict[str, object]
    ) -> None:
        """A reader that was mended, or a rule, moves one of them before the other."""
        finding = replace(present(MATCH, 5, "e1", west=14.0), **other)  # type: ignore[arg-type]
        source = fact_of(url_of("scenes/one/source.tif"), finding)
        found = whereabouts(evidence(fact=self.COG, item=row(), published=True, source=source))
        assert (found.verdict, "meet" in found.why) == ("searchable", False)

    def test_an_outdated_cog_is_stale(self) -> None:
        found = whereabouts(evidence(fact=self.COG, item=row(urls=(), outdated=(URL,)), published=True))
        assert found.verdict == "stale"
        assert "make it anew" in found.why
