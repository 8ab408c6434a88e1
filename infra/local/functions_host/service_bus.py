"""Drives a Service Bus trigger: receives, invokes, settles, renews locks, reconnects."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from infra.local.functions_host import logs, messages
from infra.local.functions_host.host_json import ServiceBusOptions
from infra.local.functions_host.invoker import Invoker
from infra.local.functions_host.runtime import IndexedFunction, Outcome
from infra.local.functions_host.triggers import ServiceBusTrigger

POLL_S = 1.0  # how long one receive waits, hence how fast a drain begins
POLL_BUSY_S = 0.1  # the same while calls run, hence how soon they are settled
BACK_OFF_S = (0.5, 1, 2, 5)  # between attempts to reach a broker that is away; the last one repeats
FOREVER_S = 365 * 86400.0

Messages = Sequence[ServiceBusReceivedMessage]


class Link:
    """One connection to the trigger's entity, with the messages that were received over it.

    Messages are settled over the connection they came by, so a broken one is kept until they are done.
    """

    def __init__(self, trigger: ServiceBusTrigger, prefetch: int) -> None:
        self._client = ServiceBusClient.from_connection_string(trigger.connection)
        options: dict[str, Any] = {"prefetch_count": prefetch}
        if trigger.dead_letter:
            options["sub_queue"] = ServiceBusSubQueue.DEAD_LETTER
        if trigger.subscription is not None:
            self.receiver: ServiceBusReceiver = self._client.get_subscription_receiver(
                trigger.entity, trigger.subscription, **options
            )
        else:
            self.receiver = self._client.get_queue_receiver(trigger.entity, **options)
        self.renewer = AutoLockRenewer()
        self.calls: dict[asyncio.Task[Outcome], Messages] = {}

    async def open(self) -> None:
        """Connect. Opening here rather than in the first receive keeps it out of that one's short wait."""
        await self.receiver.__aenter__()

    async def close(self) -> None:
        """Close; the SDK's errors on a dead connection tell nothing new."""
        try:
            await self.renewer.close()
            await self._client.close()
        except Exception as error:  # noqa: BLE001 - it is being thrown away: whatever went wrong is only noted
            logs.event("service bus connection not closed cleanly", logging.DEBUG, error)


class Listener:
    """The listener of one function."""

    def __init__(
        self,
        function: IndexedFunction,
        trigger: ServiceBusTrigger,
        options: ServiceBusOptions,
        invoker: Invoker,
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._options = options
        self._invoker = invoker
        self._stopping = asyncio.Event()
        self._calls: set[asyncio.Task[Outcome]] = set()
        self._retired: set[asyncio.Task[None]] = set()
        auto = trigger.auto_complete
        self._auto_complete = options.auto_complete_messages if auto is None else auto
        self._max_batch = trigger.max_batch or options.max_message_batch_size
        self.connected = False

    def stop_receiving(self) -> None:
        """Let `run` end after the receive that waits now; what was received is still worked on."""
        self._stopping.set()

    async def run(self) -> None:
        """Receive until told to stop. A broker that is away is waited for, never given up on."""
        failures = 0
        while not self._stopping.is_set():
            link = Link(self._trigger, self._options.prefetch_count)
            try:
                await link.open()
                self._set_connected(True)
                failures = 0
                await (self._receive_batches(link) if self._trigger.many else self._receive_singles(link))
            except Exception as error:  # noqa: BLE001 - the SDK's faults on a lost broker have many types; none may end us
                self._set_connected(False, error)
                failures += 1
            self._retire(link)
            if failures and not self._stopping.is_set():
                await self._pause(BACK_OFF_S[min(failures, len(BACK_OFF_S)) - 1])
        if self._retired:
            await asyncio.wait(self._retired)

    def _set_connected(self, connected: bool, error: Exception | None = None) -> None:
        level = logging.INFO if connected else logging.WARNING
        name = "service bus connected" if connected else "service bus away"
        fields = {"function": self._function.name, "source": self._trigger.source}
        if error is not None:
            fields["reason"] = f"{type(error).__name__}: {error}"
        logs.event(name, level, **fields)
        self.connected = connected

    def _retire(self, link: Link) -> None:
        task = asyncio.create_task(self._finish(link))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def _finish(self, link: Link) -> None:
        """Settle what is still under way over a link, then close it."""
        while link.calls:
            await asyncio.wait(link.calls, return_when=asyncio.FIRST_COMPLETED)
            await self._settle_ended(link)
        await link.close()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _receive_singles(self, link: Link) -> None:
        """Keep as many calls going as are allowed.

        This one task does all the receiving and settling: in the SDK a read that waits holds the connection for
        0.2 s, so that tasks of their own would stop each other. Asking for one message returns as soon as it is there.
        """
        while not self._stopping.is_set():
            await self._settle_ended(link)
            if len(self._calls) >= self._options.max_concurrent_calls:
                await asyncio.wait(self._calls, return_when=asyncio.FIRST_COMPLETED)
                continue
            wait_s = POLL_BUSY_S if link.calls else POLL_S
            for message in await link.receiver.receive_messages(max_message_count=1, max_wait_time=wait_s):
                self._renew(link, message)
                self._call(link, [message])

    def _call(self, link: Link, received: Messages) -> asyncio.Task[Outcome]:
        call = asyncio.create_task(self._invoke(received))
        link.calls[call] = received
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call

    async def _invoke(self, received: Messages) -> Outcome:
        deliveries = [messages.from_message(message) for message in received]
        return await invoke(self._function, self._trigger, self._invoker, deliveries)

    async def _settle_ended(self, link: Link) -> None:
        """Settle the messages of ended calls: failed ones go back at once, whatever autoCompleteMessages says."""
        for call in [call for call in link.calls if call.done()]:
            received = link.calls.pop(call)
            if not call.result().ok:
                await self._settle_all(received, link.receiver.abandon_message)
            elif self._auto_complete:
                await self._settle_all(received, link.receiver.complete_message)

    def _renew(self, link: Link, message: ServiceBusReceivedMessage) -> None:
        seconds = min(self._options.max_auto_lock_renewal_s, FOREVER_S)
        if seconds > 0:
            link.renewer.register(
                link.receiver,
                message,
                max_lock_renewal_duration=seconds,
                on_lock_renew_failure=self._not_renewed,
            )

    async def _not_renewed(self, message: object, error: Exception | None) -> None:
        message_id = getattr(message, "message_id", None)
        logs.event(
            "lock not renewed",
            logging.WARNING,
            function=self._function.name,
            message_id=message_id,
            reason=str(error),
        )

    async def _receive_batches(self, link: Link) -> None:
        """One batch at a time, as the extension does; fewer than the minimum wait for company for a while."""
        waiting: list[ServiceBusReceivedMessage] = []
        since = 0.0
        while not self._stopping.is_set():
            left = since + self._options.max_batch_wait_s - time.monotonic() if waiting else math.inf
            received = await link.receiver.receive_messages(
                max_message_count=self._max_batch - len(waiting), max_wait_time=max(0.05, min(POLL_S, left))
            )
            if received and not waiting:
                since = time.monotonic()
            waiting += received
            overdue = time.monotonic() - since >= self._options.max_batch_wait_s
            if waiting and (len(waiting) >= self._options.min_message_batch_size or overdue):
                await asyncio.wait([self._call(link, waiting)])
                await self._settle_ended(link)
                waiting = []
        await self._settle_all(waiting, link.receiver.abandon_message)

    async def _settle_all(
        self, received: Messages, settle: Callable[[ServiceBusReceivedMessage], Awaitable[None]]
    ) -> None:
        await asyncio.gather(*(self._settle(message, settle) for message in received))

    async def _settle(
        self,
        message: ServiceBusReceivedMessage,
        settle: Callable[[ServiceBusReceivedMessage], Awaitable[None]],
    ) -> None:
        """Settle one message; where that fails its lock expires and the broker delivers it again."""
        try:
            await settle(message)
        except (MessageLockLostError, MessageAlreadySettled) as error:
            self._not_settled("lock lost", message, settle, error)
        except Exception as error:  # noqa: BLE001 - as above; the broker's lock is the safety net
            self._not_settled("not settled", message, settle, error)

    def _not_settled(
        self, name: str, message: ServiceBusReceivedMessage, settle: Callable[..., object], error: Exception
    ) -> None:
        logs.event(
            name, logging.WARNING, function=self._function.name, message_id=message.message_id,
            operation=getattr(settle, "__name__", ""), reason=f"{type(error).__name__}: {error}",
        )  # fmt: skip


async def invoke(
    function: IndexedFunction,
    trigger: ServiceBusTrigger,
    invoker: Invoker,
    deliveries: Sequence[messages.Delivery],
) -> Outcome:
    """Hand messages to a function as its cardinality asks for."""
    if trigger.many:
        body, metadata = messages.batch(deliveries, trigger.binary)
    else:
        body, metadata = messages.single(deliveries[0], trigger.binary)
    return await invoker.invoke(
        function,
        [(trigger.argument, body)],
        metadata,
        trigger=trigger.source,
        messages=len(deliveries),
        delivery_count=max(int(delivery.fields["DeliveryCount"]) for delivery in deliveries),
    )
