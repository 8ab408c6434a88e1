"""Keeps Microsoft's worker from holding what is over: requests over HTTP, and invocations whose request never comes.

The worker's coordinator brings a request and its invocation together by their id. It never lets one go (2 kB each,
azure-functions-runtime 1.3.0). And where a client hung up before its request was forwarded, the invocation waits on:
Azure's host looks at what became of the request when the invocation is over, and after `functionTimeout` it replaces
the whole worker. A worker that keeps them elsewhere, or lets them go by itself, is left alone.
"""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

_log = logging.getLogger("stac_api")

LATE_S = 150.0  # longer than our server waits for the first request of a connection


class Coordination:
    """What the worker's function that takes requests (`invoked`) shares with its invocations.

    `nobody` is given to those whose request never comes.
    """

    def __init__(self, invoked: object, nobody: object) -> None:
        self._coordinator: Any = getattr(invoked, "__globals__", {}).get("http_coordinator")
        kept = getattr(self._coordinator, "_context_references", None)
        self._kept: MutableMapping[str, Any] = kept if isinstance(kept, MutableMapping) else {}
        self._nobody = nobody
        self._waiting: set[str] = set()  # when last looked at
        self._ended: set[str] = set()  # by us, then

    def forget(self, invocation: str | None) -> None:
        """Let go of a request that is over."""
        if invocation is not None:
            self._kept.pop(invocation, None)

    async def look_after_late(self) -> None:
        """End what waited for its request through a whole `LATE_S`, until cancelled."""
        while True:
            await asyncio.sleep(LATE_S)
            try:
                self.end_late()
            except Exception as error:  # noqa: BLE001  (a worker that is not as we know it: the next look may do better)
                _log.exception("late_invocations_not_ended", extra={"detail": repr(error)})

    def end_late(self) -> None:
        """End the invocations that waited for their requests already when this was called before."""
        for invocation in self._ended:
            self.forget(invocation)
        waiting = {invocation for invocation, reference in self._kept.items() if _waits(reference)}
        late, self._waiting, self._ended = waiting & self._waiting, waiting, set()
        for invocation in late:
            self._coordinator.set_http_request(invocation, self._nobody)
            self._ended.add(invocation)


def _waits(reference: object) -> bool:
    came = getattr(reference, "http_request_available_event", None)
    return isinstance(came, asyncio.Event) and not came.is_set()
