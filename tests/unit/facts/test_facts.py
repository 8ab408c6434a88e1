"""Which of two looks at a blob stands."""

from dataclasses import replace
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstac.catalog.fact_json import fact_from_json, fact_to_json
from eventstac.facts import NO_RULE, Fact, Finding, Match, fact_of, join, unsure
from tests.samples import at, cog_fact, gone, metadata, present, rejected, url_of

URL = url_of("scenes/one/b10m.tif")
MATCH = Match("scenes", "one", "b10m", rule="scenes")
OTHER = replace(MATCH, item="two")


def joined(*facts: Fact) -> Fact:
    result = facts[0]
    for fact in facts[1:]:
        result = join(result, fact)
    return result


def test_of_two_states_the_one_seen_later_stands_in_either_order() -> None:
    old, new = fact_of(URL, present(MATCH, 1, "a")), fact_of(URL, present(MATCH, 9, "b"))
    assert joined(old, new) == joined(new, old)
    assert joined(old, new).finding.etag == "b"


def test_of_two_states_seen_at_once_the_greater_etag_stands() -> None:
    one, two = fact_of(URL, present(MATCH, 1, "a")), fact_of(URL, present(MATCH, 1, "b"))
    assert joined(two, one).finding.etag == "b"


def test_a_late_duplicate_of_the_first_look_does_not_bring_a_deleted_blob_back() -> None:
    first, deleted = fact_of(URL, present(MATCH, 1, "a")), fact_of(URL, gone(MATCH, 5))
    assert joined(deleted, first).finding.state == "gone"


def test_a_later_look_at_the_same_etag_only_moves_the_time() -> None:
    first = fact_of(URL, present(MATCH, 1, "a"))
    again = fact_of(URL, replace(first.finding, seen=at(7)))
    assert joined(first, again).finding == replace(first.finding, seen=at(7))


def test_at_the_same_etag_the_greater_revision_moves_the_blob_even_when_it_was_seen_earlier() -> None:
    by_new_rules = fact_of(URL, present(OTHER, 1, "a", revision=2))
    by_old_rules = fact_of(URL, replace(by_new_rules.finding, match=MATCH, revision=1, seen=at(9)))
    for order in permutations([by_new_rules, by_old_rules]):
        assert joined(*order).match.item == "two"


def test_of_one_revision_the_newer_extractor_stands_whatever_it_found() -> None:
    older = [fact_of(URL, finding) for finding in (present(MATCH, 9, "a"), present(MATCH, 1, "a", west=99))]
    for found in (rejected(MATCH, 2, "a"), present(MATCH, 2, "a", west=20)):
        newer = fact_of(URL, replace(found, extractor=17))
        for order in permutations([*older, newer]):
            assert joined(*order).finding == replace(newer.finding, seen=at(9))


def test_of_one_revision_what_a_rule_knows_stands_above_what_none_knows_whoever_read_it() -> None:
    known = fact_of(URL, present(MATCH, 1, "a"))
    unknown = fact_of(URL, replace(rejected(MATCH, 1, "a"), reason=NO_RULE, extractor=17))
    for order in permutations([known, unknown]):
        assert joined(*order).finding == known.finding


def test_of_two_looks_at_one_time_that_find_nothing_the_newer_extractor_s_stands_in_either_order() -> None:
    older, newer = (fact_of(URL, replace(gone(MATCH, 1), extractor=number)) for number in (16, 17))
    for order in permutations([older, newer]):
        assert joined(*order) == newer


def test_a_rejection_and_a_reading_of_the_same_bytes_give_the_reading() -> None:
    failed, read = fact_of(URL, rejected(MATCH, 9, "a")), fact_of(URL, present(MATCH, 1, "a"))
    assert joined(failed, read).finding.state == "present"
    assert joined(read, failed).finding.state == "present"


def test_a_blob_known_as_a_cog_stays_one_whichever_is_heard_first() -> None:
    as_source = fact_of(URL, present(OTHER, 9, "a"))
    as_cog = cog_fact(URL, present(MATCH, 1, "a"), url_of("scenes/one/source.tif"))
    for order in permutations([as_source, as_cog]):
        assert (joined(*order).kind, joined(*order).match) == ("cog", MATCH)


@pytest.mark.parametrize(("looked", "claimed"), [(1, 2), (2, 1)])
def test_a_cog_is_of_the_older_of_the_rules_it_was_read_and_claimed_by(looked: int, claimed: int) -> None:
    fact = cog_fact(URL, present(MATCH, 1, "a", revision=looked), url_of("scenes/one/source.tif"))
    assert fact.claim
    assert replace(fact, claim=replace(fact.claim, revision=claimed)).revision == 1


@pytest.mark.parametrize(("older", "newer"), [("3.9.3", "3.12.0"), ("3.12", "3.12.1")])
def test_of_two_readings_that_found_the_same_that_of_the_older_software_stands(
    older: str, newer: str
) -> None:
    found = present(MATCH, 1, "a")
    by = [
        fact_of(URL, replace(found, metadata={**metadata(), "software": {"gdal": version}}))
        for version in (older, newer)
    ]
    assert joined(*by).finding == joined(*reversed(by)).finding == by[0].finding


def test_the_last_good_reading_is_kept_beside_a_rejection_and_dropped_by_a_new_reading() -> None:
    good, bad = fact_of(URL, present(MATCH, 1, "a")), fact_of(URL, rejected(MATCH, 2, "b"))
    again = fact_of(URL, present(MATCH, 3, "c"))
    assert joined(bad, good).last_good == good.finding
    assert joined(bad, good, again).last_good is None


def test_of_two_good_readings_the_later_is_kept_beside_a_rejection_in_any_order() -> None:
    looks = [fact_of(URL, present(MATCH, 1, "a")), fact_of(URL, present(MATCH, 2, "b"))]
    for order in permutations([*looks, fact_of(URL, rejected(MATCH, 3, "c"))]):
        assert joined(*order).last_good == looks[1].finding


def test_nothing_is_good_that_was_read_before_the_blob_was_gone_whatever_comes_in_which_order() -> None:
    """All lives of four states; each look twice, in every order."""
    for states in product(("present", "rejected", "gone"), repeat=4):
        looks = [fact_of(URL, _found(state, n)) for n, state in enumerate(states)]
        clear = [look.finding for look in looks if look.finding.state != "rejected"]
        is_kept = states[-1] == "rejected" and bool(clear) and clear[-1].state == "present"
        for order in permutations(looks):
            fact = joined(*order, *order)
            assert fact.finding == looks[-1].finding, states
            assert fact.last_good == (clear[-1] if is_kept else None), states


def _found(state: str, number: int) -> Finding:
    if state == "gone":
        return gone(MATCH, 10 * number)
    return (present if state == "present" else rejected)(MATCH, 10 * number, f"e{number}")


def test_what_an_older_version_kept_of_a_blob_that_is_gone_is_no_last_good_reading() -> None:
    deleted = fact_of(URL, gone(MATCH, 5))
    kept = fact_to_json(replace(deleted, unrejected=present(MATCH, 1, "a")))
    assert kept["last_good"]["state"] == "present"  # as versions before wrote it
    assert fact_from_json(kept) == deleted
    broken = joined(fact_from_json(kept), fact_of(URL, rejected(MATCH, 9, "b")))
    assert broken.last_good is None
    assert joined(broken, fact_of(URL, present(MATCH, 1, "a"))).last_good is None


def test_of_two_looks_at_one_time_that_find_nothing_the_one_by_newer_rules_stands() -> None:
    for old, new in permutations([MATCH, OTHER]):
        looks = [fact_of(URL, gone(old, 1, revision=1)), fact_of(URL, gone(new, 1, revision=2))]
        assert joined(*looks) == joined(*reversed(looks)) == looks[1]


def test_states_closer_than_the_window_are_unsure_and_repetitions_are_not() -> None:
    first, second = present(MATCH, 1, "a"), present(MATCH, 2, "b")
    assert unsure(first, second, 1.0)
    assert not unsure(first, second, 0.5)
    assert not unsure(first, replace(first, seen=at(2)), 5.0)
    assert unsure(second, gone(MATCH, 2), 0.0)


@st.composite
def lives(draw: st.DrawFn) -> list[Fact]:
    facts: list[Fact] = []
    seconds, revision = 0, 1
    for number in range(draw(st.integers(1, 5))):
        seconds += draw(st.integers(1, 3))
        kind = draw(
            st.sampled_from(["present", "gone", "rejected", "again", "new rules", "read otherwise", "cog"])
        )
        if kind == "read otherwise" and facts and facts[-1].finding.state == "present":
            extractor = draw(st.integers(0, 18))
            found = replace(facts[-1].finding, seen=at(seconds), metadata={}, extractor=extractor)
            facts.append(replace(fact_of(URL, found), claim=facts[-1].claim))
        elif kind == "gone":
            facts.append(fact_of(URL, gone(MATCH, seconds, revision=revision)))
        elif kind == "rejected":
            facts.append(fact_of(URL, rejected(MATCH, seconds, f"e{number}", revision=revision)))
        elif kind in ("again", "new rules") and facts and facts[-1].finding.state != "gone":
            revision += kind == "new rules"
            found = replace(facts[-1].finding, seen=at(seconds), revision=revision)
            facts.append(replace(fact_of(URL, found), claim=facts[-1].claim))
        elif kind == "cog":
            found = present(OTHER, seconds, f"e{number}", revision=revision)
            facts.append(cog_fact(URL, found, url_of("s.tif")))
        else:
            facts.append(fact_of(URL, present(MATCH, seconds, f"e{number}", revision=revision, size=number)))
    return facts


@given(lives(), st.randoms(use_true_random=False))
def test_joining_is_independent_of_order_grouping_and_repetition(
    facts: list[Fact], chance: st.DataObject
) -> None:
    expected = joined(*facts)
    shuffled = facts * 2
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert joined(*shuffled) == expected
    middle = len(facts) // 2
    if middle:
        assert join(joined(*facts[middle:]), joined(*facts[:middle])) == expected


@given(lives())
def test_a_fact_survives_its_row(facts: list[Fact]) -> None:
    fact = joined(*facts)
    assert fact_from_json(fact_to_json(fact)) == fact
