"""Searches by large geometries take turns and have seconds: few must not take every connection for half a minute.

What a geometry costs the database grows with the crossings of its own lines, about as the square of its positions: a
line of 10,000 at random takes a minute and more than a GB, where the outline of a country takes milliseconds. Which it
is shows only when it is asked.

Whoever searches by an outline does not feel a limit of seconds with `intersects`, s_intersects and s_within, for which
PostGIS prepares it, nor where few Items have a box that fits (s_contains, s_equals). With s_touches, s_crosses,
s_overlaps and s_disjoint each Item costs a walk along the whole of it: one of 10,000 positions and 4,000 Items within
take 6 to 10 s.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from stac_api import limits
from stac_api.errors import TooSlow, Unavailable
from stac_api.searches import Search

_log = logging.getLogger("stac_api")

LARGE = 2_000  # characters of GeoJSON: 50 positions of 16 digits, 200 of whole degrees
LONGEST_S = 5.0  # of one statement; s_intersects with an outline of 10,000 positions takes a fiftieth
PATIENCE_S = 10.0  # as for a connection


def is_large(search: Search) -> bool:
    """Whether its geometries may keep the database busy by themselves."""
    return (search.condition is not None or search.geometry is not None) and search.geometry_size > LARGE


class Turns:
    """Lets searches go; of those by large geometries a quarter of as many at once as there are connections."""

    def __init__(self, connections: int, statement_timeout_s: float) -> None:
        self._statement_timeout_s = statement_timeout_s
        self._room = asyncio.Semaphore(max(1, connections // 4))

    async def take[P](self, search: Search, find: Callable[[Search], Awaitable[P]]) -> P:
        """What `find` gives. Raises Unavailable where others keep their turns, TooSlow where a statement takes long.

        A statement that takes long is ended by the database: before the next one has its turn, and not for its wait
        for a connection.
        """
        if not is_large(search):
            return await find(search)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._room.acquire()
        except TimeoutError as error:
            _log.warning("large_geometries_busy", extra={"waited_s": PATIENCE_S})
            raise Unavailable(
                "Other searches by large geometries are under way; try again shortly, or simplify yours to less than "
                f"{LARGE:,} characters."
            ) from error
        longest_s = min(LONGEST_S, self._statement_timeout_s)
        try:
            with limits.seconds(longest_s):
                return await find(search)
        except TooSlow as error:
            raise TooSlow(
                f"A query by a large geometry may take {longest_s:g} s at most: simplify the geometry, above all where "
                "its lines cross each other; use s_intersects or s_within, which take a fiftieth of what s_touches, "
                "s_crosses, s_overlaps and s_disjoint take; or narrow the search by datetime or collections."
            ) from error
        finally:
            self._room.release()
