"""Each fact of a merge has its turn, and a second one where its Collection cannot be written; then it is left."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

import psycopg
import pytest
from psycopg import errors

from eventstac.catalog.pace import Pace
from eventstac.catalog.pgstac_partitions import TablesHeld
from eventstac.catalog.turns import Turns
from eventstac.facts import Fact, Match, fact_of
from tests.samples import present, url_of

MOST_TURNS = 500  # of forty facts, none of which has more than a few


def fact(collection: str, item: int = 0) -> Fact:
    match = Match(collection, f"i{item}", "b1", rule=collection)
    return fact_of(url_of(f"{collection}/i{item}/b1.tif"), present(match, 0, "e"))


def chunks_of(turns: Turns) -> Iterator[list[Fact]]:
    for _ in range(MOST_TURNS):
        chunk = turns.take()
        if not chunk:
            return
        yield chunk
    pytest.fail("the turns do not end")


def merged(
    facts: list[Fact], state: Mapping[str, str], pace: Pace
) -> tuple[list[str], TablesHeld | psycopg.Error | None]:
    """The Collections of what is merged, in order, where each is as `state` says: held, briefly held, without room."""
    turns, done = Turns(facts, pace), list[str]()
    for chunk in chunks_of(turns):
        collections = [one.item_key[0] for one in chunk]
        error: TablesHeld | psycopg.Error | None = None
        for collection in collections:
            what = state.get(collection)
            if what == "held" or (what == "briefly held" and turns.briefly):
                error = TablesHeld(collection, 1)
            elif what == "no room":
                error = errors.OutOfMemory(collection)
            if error:
                break
        if error:
            turns.fail(chunk, error)
        else:
            done += collections
    return done, turns.failure


@pytest.mark.parametrize("stopped", ["held", "no room"])
@pytest.mark.parametrize("name", ["a", "m", "z"])
def test_whatever_can_be_written_is_merged_and_once_wherever_the_other_stands(
    stopped: str, name: str
) -> None:
    done, failure = merged([fact(one) for one in ("b", name, "n")], {name: stopped}, Pace(100, 100))
    assert done == ["b", "n"]
    assert isinstance(failure, TablesHeld if stopped == "held" else errors.OutOfMemory)


def test_what_is_waited_for_is_merged_behind_one_without_room() -> None:
    state = {"a": "no room", "b": "briefly held", "c": "no room", "d": "briefly held"}
    done, failure = merged([fact(one) for one in "abcde"], state, Pace(100, 100))
    assert done == ["e", "b", "d"]
    assert str(failure) == "a"


def test_of_tables_that_are_all_held_only_one_is_waited_for() -> None:
    turns, patience = Turns([fact(one) for one in "abc"], Pace(1, 1)), list[bool]()
    for chunk in chunks_of(turns):
        patience.append(not turns.briefly)
        turns.fail(chunk, TablesHeld(chunk[0].item_key[0], 1))
    assert patience == [False] * 3 + [True, False, False]


def test_a_held_collection_that_blobs_only_leave_is_told_of_after_the_others() -> None:
    turns, done = Turns([fact("a"), fact("b")], Pace(1, 1)), list[str]()
    for chunk in chunks_of(turns):
        [one] = chunk
        if one.item_key[0] == "a":  # whose blob was of an Item of "left"
            turns.fail(chunk, TablesHeld("left", 1))
        else:
            done.append(one.item_key[0])
    assert done == ["b"]
    assert isinstance(turns.failure, TablesHeld)


def test_an_item_has_one_turn_wherever_its_blobs_are() -> None:
    facts = [
        replace(fact("a", item), url=url_of(f"{band}/i{item}.tif")) for band in "xyz" for item in range(4)
    ]
    chunks = [[one.item_key[1] for one in chunk] for chunk in chunks_of(Turns(facts, Pace(3, 3)))]
    assert chunks == [[f"i{item}"] * 3 for item in range(4)]


@pytest.mark.parametrize("seed", range(50))
def test_of_random_batches_all_is_merged_that_can_be(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"c{number}" for number in range(chance.randint(1, 8))]
    facts = [fact(name, item) for name in names for item in range(chance.choice([1, 2, 5]))]
    chance.shuffle(facts)
    state = {name: chance.choice(["well", "well", "briefly held", "no room"]) for name in names}
    done, failure = merged(facts, state, Pace(chance.choice([1, 4, 10, 100]), 100))
    assert sorted(done) == sorted(one.item_key[0] for one in facts if state[one.item_key[0]] != "no room")
    assert (failure is not None) == ("no room" in state.values())
