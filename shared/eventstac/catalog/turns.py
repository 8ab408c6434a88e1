"""Whose turn it is in a merge: facts of a Collection that cannot be written now hold up no others."""

from collections.abc import Iterable

import psycopg

from eventstac.catalog.database import NO_ROOM
from eventstac.catalog.pace import Pace
from eventstac.catalog.pgstac_partitions import TablesHeld
from eventstac.facts import Fact

# What keeps a Collection from being written now, and may not keep others.
NOT_NOW: tuple[type[TablesHeld | psycopg.Error], ...] = (TablesHeld, *NO_ROOM)


class Turns:
    """Facts by their Items, in as many transactions as the `pace` makes of them.

    A Collection whose tables somebody holds, or that the server has no room for, has a second and last turn when all
    others are merged. `failure` is the first of the last turns.
    """

    def __init__(self, facts: Iterable[Fact], pace: Pace) -> None:
        self._waiting, self._pace = _in_order(facts), pace
        self._put_off: list[Fact] = []
        self._is_apart = self._is_last = False
        self.failure: TablesHeld | psycopg.Error | None = None
        self.briefly = True  # how long who holds tables is waited for

    def take(self) -> list[Fact]:
        """What the next transaction takes on; nothing where all had their turns."""
        if not self._waiting and self._put_off:
            self._waiting, self._put_off = _in_order(self._put_off), []
            self._is_last, self.briefly = True, False
        chunk, self._waiting = self._pace.take(self._waiting, lambda fact: fact.item_key)
        if self._is_apart and chunk:
            chunk, others = _divided(chunk, _collection_of(chunk[0]))
            self._waiting = others + self._waiting
        return chunk

    def fail(self, chunk: list[Fact], error: TablesHeld | psycopg.Error) -> None:
        """Put off what cannot be merged, with what waits of its Collection; after its last turn it is left."""
        collections = {_collection_of(fact) for fact in chunk}
        if isinstance(error, TablesHeld):
            collection = error.collection
        elif len(collections) == 1:
            [collection] = collections
        else:  # there is no room for one of several: each by itself from now on
            self._waiting, self._is_apart = chunk + self._waiting, True
            return
        theirs, others = _divided(chunk, collection)
        if not theirs:  # an Item that blobs leave is of it
            theirs, others = chunk, []
        later, self._waiting = _divided(self._waiting, collection)
        self._waiting = others + self._waiting
        if not self._is_last:
            self._put_off += theirs + later
            return
        self.failure = self.failure or error
        if isinstance(error, TablesHeld):
            self.briefly = True  # once is enough: a dump holds the tables of all


def _in_order(facts: Iterable[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: (fact.item_key, fact.url))


def _collection_of(fact: Fact) -> str:
    return fact.item_key[0]


def _divided(facts: list[Fact], collection: str) -> tuple[list[Fact], list[Fact]]:
    """The facts of a Collection, and all others."""
    theirs = [fact for fact in facts if _collection_of(fact) == collection]
    return theirs, [fact for fact in facts if _collection_of(fact) != collection]
