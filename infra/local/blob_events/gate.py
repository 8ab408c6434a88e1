"""Lets a write reach the storage only after it is journalled, and follows it to its end."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from infra.local.blob_events.journal import Intent
from infra.local.blob_events.operations import Operation
from infra.local.blob_events.storage import UnreachableError
from infra.local.blob_events.writes import Writes


class Gate:
    """One write, as a context manager around its forwarding.

    `enter` is called just before the request's last bytes are forwarded: before them the storage cannot have done
    anything, so that a slow upload holds up nobody and a broken one leaves no trace. Leaving the block without
    `answered` means that nobody knows: the write is then looked into in the background.
    """

    def __init__(self, writes: Writes, operation: Operation) -> None:
        self._writes = writes
        self._operation = operation
        self._lock = writes.lock_of(operation)
        self._intent: Intent | None = None
        self._held = False
        self._over = False

    async def enter(self) -> None:
        """Wait for the blob's turn and journal the write. Raises UnreachableError where Azurite does not answer."""
        if self._over:
            return
        await self._lock.acquire()
        self._held = True
        try:
            if self._operation.api and not self._over:
                self._intent = await self._writes.intend(self._operation)
        finally:
            if self._over:  # the storage answered (an error) before it had the whole request
                self._drop()

    async def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """The storage's answer to the write is known."""
        if self._intent is None:
            return
        if self._operation.succeeded(status):
            try:
                await self._writes.done(self._intent, headers.get("x-ms-request-id"))
            except UnreachableError:
                return  # it stays unsettled, and is looked into when the block is left
            self._intent = None
        elif status < 500:
            self._writes.forget(self._intent)
            self._intent = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        if self._intent is not None:
            intent, self._intent, self._held = self._intent, None, False
            self._writes.resolve(intent, self._lock)
        elif self._held:
            self._drop()

    def _drop(self) -> None:
        if self._intent is not None:
            self._writes.forget(self._intent)
            self._intent = None
        if self._held:
            self._held = False
            self._lock.release()


class Gates:
    """Several writes that one request makes (Blob Batch); locked in one order, so that two requests cannot block
    each other."""

    def __init__(self, writes: Writes, operations: Mapping[str, Operation]) -> None:
        # Of two writes to one blob in a batch the last stands for both: a lock is taken once.
        self._last = {operation.blob.key: name for name, operation in operations.items()}
        self._gates = {name: Gate(writes, operations[name]) for _, name in sorted(self._last.items())}

    @property
    def names(self) -> Sequence[str]:
        """The parts that are gated."""
        return list(self._gates)

    async def enter(self) -> None:
        """Wait for all; as `Gate.enter`."""
        for gate in self._gates.values():
            await gate.enter()

    async def answered(self, name: str, status: int, headers: Mapping[str, str]) -> None:
        """The answer to one part."""
        await self._gates[name].answered(status, headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(gate.__aexit__(kind, error, trace) for gate in self._gates.values()))
