"""Searches by large geometries take turns and have seconds: few must not take every connection for half a minute.

What a geometry costs the database grows with the crossings of its own lines, about as the square of its positions: a
line of 10,000 at random takes a minute and more than a GB, where the outline of a country takes milliseconds. Which it
is shows only when it is asked; whoever searches by an outline does not feel a limit of seconds.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from stac_api.errors import TooSlow, Unavailable
from stac_api.searches import Search

_log = logging.getLogger("stac_api")

LARGE = 2_000  # characters: some 50 positions
LONGEST_S = 5.0  # an outline of 10,000 positions takes a fiftieth
PATIENCE_S = 10.0  # as for a connection


def is_large(search: Search) -> bool:
    """Whether its geometry may keep the database busy by itself."""
    return search.geometry_size > LARGE


class Turns:
    """Lets searches go; of those by large geometries a quarter of as many at once as there are connections."""

    def __init__(self, connections: int) -> None:
        self._room = asyncio.Semaphore(max(1, connections // 4))

    async def take[P](self, search: Search, find: Callable[[Search], Awaitable[P]]) -> P:
        """What `find` gives. Raises Unavailable where others keep their turns, TooSlow where it takes long."""
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
        try:
            async with asyncio.timeout(LONGEST_S):
                return await find(search)
        except TimeoutError as error:
            raise TooSlow(
                f"The search by a large geometry took more than {LONGEST_S:.0f} s: simplify it, above all where its "
                "lines cross each other, or narrow the search by datetime or collections."
            ) from error
        finally:
            self._room.release()
