"""What is to be done about a blob, by the rules and by what is known of it."""

from dataclasses import replace

import pytest

from eventstac.blob_urls import parse
from eventstac.bus import ASSET_FACTS
from eventstac.events import AssetRejected, BlobMatched
from eventstac.facts import NO_RULE, Fact, Finding, Match, fact_of
from eventstac.matching import (
    as_cog,
    carried,
    due,
    is_by_these_rules,
    is_outread,
    is_overtaken,
    last_read,
    match_blob,
    second_look,
)
from eventstac.rules import load_rules
from eventstac.rules.applied import AppliedRules
from eventstac.rules.since import Since
from tests.samples import cog_fact, gone, present, rejected, url_of
from tests.twins.apps import WATCHED

RULES = load_rules(
    "collections: {scenes: {rules: [{name: scenes, pattern: 'scenes/{item}/{asset}.tif'}]}}",
    file="rules.yaml",
    default_collection=None,
)
# The rule is the same since revision 3, what is outside of rules since 4.
APPLIED = AppliedRules(5, RULES, Since(4, {("scenes", "scenes"): 3}), extractor=7)
URL, ELSEWHERE = url_of("scenes/a/b1.tif"), url_of("elsewhere/a.tif")
MATCH = RULES.match(URL) or Match("", "", "")
OTHER = replace(MATCH, item="b")


def known(url: str = URL, match: Match = MATCH, revision: int = 1, extractor: int = 7) -> Fact:
    finding = replace(present(match, 1, "e", revision=revision), extractor=extractor, thumbnail="t.png")
    return fact_of(url, finding)


def cog(url: str = URL, revision: int = 1, source: str = URL) -> Fact:
    finding = replace(present(MATCH, 1, "e", revision=revision), extractor=7)
    return cog_fact(url, finding, source)


def unruled(fact: Fact) -> Fact:
    """As the withdrawal of a blob that no rule knew left it."""
    left = replace(fact.finding, state="rejected", metadata=None, reason=NO_RULE)
    return replace(fact, finding=left, unrejected=fact.finding)


def spoilt(fact: Fact) -> Fact:
    return replace(
        fact, finding=replace(rejected(MATCH, 2, "f", revision=1), extractor=7), unrejected=fact.finding
    )


def look_at(fact: Fact) -> BlobMatched | None:
    return match_blob(parse(fact.url), fact, APPLIED, WATCHED, cause="test", timeline=())


def leaving(fact: Fact) -> Finding | None:
    """What takes a blob out of the catalog that no rule knows, if anything does."""
    outgoing = due(parse(fact.url), fact, APPLIED, WATCHED, cause="test", timeline=())
    if outgoing is None:
        return None
    assert isinstance(outgoing.event, AssetRejected)
    assert outgoing.topic == ASSET_FACTS
    return outgoing.event.finding


def test_a_refused_cog_is_looked_at_as_a_source() -> None:
    look, refused = look_at(cog()), look_at(replace(cog(), is_refused=True))
    assert look is not None
    assert look.cog_of is not None
    assert refused is not None
    assert refused.cog_of is None
    again = second_look(replace(cog(), is_refused=True), APPLIED)
    assert isinstance(again, BlobMatched)
    assert again.cog_of is None


def test_the_place_of_a_cog_is_its_source_s_wherever_it_lies() -> None:
    fact = cog(url_of("scenes/b/b1.tif", "cogs"))
    assert fact.claim is not None
    assert as_cog(fact, fact.claim, APPLIED)[0].item == "a"
    lost = cog(URL, source=ELSEWHERE)
    assert lost.claim is not None
    assert as_cog(lost, lost.claim, APPLIED)[0] == lost.match


def test_what_no_rule_knows_leaves_the_catalog_with_all_that_was_read() -> None:
    fact = known(ELSEWHERE, replace(MATCH, options={"nodata": 0}))
    finding = leaving(fact)
    assert finding is not None
    assert (finding.state, finding.reason, finding.revision) == ("rejected", NO_RULE, 5)
    assert (finding.match.rule, finding.match.options) == ("", {})
    assert (finding.metadata, finding.thumbnail) == (None, None)
    assert second_look(fact, APPLIED) == AssetRejected(ELSEWHERE, finding, "second-look")
    assert leaving(replace(spoilt(fact), url=ELSEWHERE)) is not None


@pytest.mark.parametrize(
    "fact",
    [
        known(ELSEWHERE, revision=5),
        fact_of(ELSEWHERE, gone(MATCH, 1)),
        fact_of(ELSEWHERE, rejected(MATCH, 1, "e")),
        unruled(known(ELSEWHERE)),
        replace(cog(ELSEWHERE), is_refused=True),
        known(url_of("scenes/b/b1.tif", "cogs")),
    ],
    ids=["known by these rules", "gone", "never read", "left already", "a COG", "in no source container"],
)
def test_what_is_not_in_the_catalog_by_older_rules_does_not_leave_it(fact: Fact) -> None:
    assert leaving(fact) is None


@pytest.mark.parametrize(
    ("fact", "is_by_them"),
    [
        (known(revision=5), True),
        (known(revision=5, match=OTHER), True),
        (known(revision=3), True),
        (known(revision=2), False),
        (known(revision=3, match=OTHER), False),
        (known(revision=5, extractor=6), False),
        (known(revision=5, extractor=8), True),
        (fact_of(URL, gone(MATCH, 1, revision=5)), True),
        (unruled(known(revision=5)), False),
        (cog(revision=4), True),
        (cog(revision=3), False),
    ],
)
def test_whether_what_is_known_is_by_these_rules(fact: Fact, is_by_them: bool) -> None:
    assert is_by_these_rules(fact, MATCH, APPLIED) is is_by_them


@pytest.mark.parametrize(
    ("fact", "before", "overtaken"),
    [
        (known(revision=1), None, False),
        (known(revision=1, match=OTHER), None, True),
        (known(revision=5, match=OTHER), None, False),
        (known(ELSEWHERE), None, True),
        (fact_of(ELSEWHERE, gone(MATCH, 1)), None, False),
        (unruled(known(revision=1)), None, True),
        (cog(url_of("scenes/b/b1.tif", "cogs")), None, False),
        (cog(source=ELSEWHERE), None, False),
        (known(revision=5, extractor=6), None, True),
        (known(revision=5, extractor=6), known(extractor=7), True),
        (known(revision=5, extractor=6), known(extractor=6), False),
        (
            known(revision=5, extractor=6),
            fact_of(URL, replace(present(MATCH, 1, "before"), extractor=6)),
            True,
        ),
    ],
)
def test_whether_rules_or_extractor_overtook_a_look(fact: Fact, before: Fact | None, overtaken: bool) -> None:
    assert is_overtaken(fact, before, APPLIED) is overtaken


def test_that_a_blob_is_gone_needs_no_newer_extractor() -> None:
    assert is_outread(known(extractor=6).finding, APPLIED)
    assert not is_outread(gone(MATCH, 1), APPLIED)


def test_what_was_read_last_is_of_the_bytes_that_are_there() -> None:
    fact = known()
    assert last_read(fact) == fact.finding
    assert last_read(fact_of(URL, gone(MATCH, 1))) is None
    assert last_read(spoilt(fact)) == spoilt(fact).finding
    assert last_read(unruled(fact)) == fact.finding
    assert last_read(unruled(spoilt(fact))) != fact.finding
    overwritten = replace(unruled(fact), finding=replace(unruled(fact).finding, etag="f"))
    assert last_read(overwritten) is None


@pytest.mark.parametrize(
    ("fact", "is_carried"),
    [
        (known(), True),
        (known(revision=5), False),
        (known(extractor=6), False),
        (known(extractor=8), False),
        (known(match=replace(MATCH, read="file")), False),
        (known(match=replace(MATCH, options={"nodata": 0})), False),
        (known(match=OTHER), True),
        (cog(), True),
        (cog_fact(URL, replace(gone(MATCH, 1), extractor=7), URL), False),
        (replace(cog(), finding=known().finding), False),
    ],
)
def test_whether_a_look_at_what_did_not_change_is_spared(fact: Fact, is_carried: bool) -> None:
    look = look_at(fact)
    assert look is not None
    event = carried(fact, look, APPLIED)
    assert (event is not None) is is_carried
    if event is not None:
        assert (event.finding.match, event.finding.revision) == (look.match, 5)
        assert carried(fact, look, replace(APPLIED, extractor=0)) == event
