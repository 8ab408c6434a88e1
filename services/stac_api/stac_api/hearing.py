"""A change of the catalog that the API hears of is the end of the story of a blob: its last span."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from eventstac.bus import Received
from eventstac.telemetry.spans import Telemetry


async def handled(
    heard: Sequence[Received], work: Awaitable[None] | None, telemetry: Callable[[], Telemetry] | None
) -> None:
    """Wait for what messages make the API do, if anything, and tell of each; `telemetry` opens who is told."""
    if telemetry is None:
        if work is not None:
            await work
        return
    from eventstac.handling import Handling  # only who tells pays for it at start

    begun = [Handling.begin(one) for one in heard]
    outcome = "nothing-kept"
    if work is not None:
        await work
        outcome = "handled"
    opened = await asyncio.to_thread(telemetry)  # takes up to seconds the first time
    for one in begun:
        opened.record(one.span(outcome, {}))
