"""Sends old messages again, in any order, with ids of their own: what a bus may do that delivers at least once."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from uuid import uuid4

from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from tests.e2e.tapped import TAP
from tests.e2e.user import User

TOPICS = ("blob-events", "blobs-matched", "asset-facts")

_PAUSE_S = 1.0
_PAGE = 60
_AGAIN = 8  # of a page
_PATIENCE_S = 5.0  # a broker that is killed in the middle of an answer gives none
_ERRORS = (ServiceBusError, ValueError, OSError)  # the SDK's, and what comes out of closing a link that died
_FIRST_S = 90.0  # after a storm in which nothing could be repeated, all processes run


class Echo:
    """Repeats some of what was ever sent to the apps' topics, all the while."""

    def __init__(self, user: User, dice: random.Random, note: Callable[[str], None]) -> None:
        self._connection = user.stack.env["SERVICEBUS_CONNECTION_STRING"]
        self._dice, self._note = dice, note
        self._last: defaultdict[str, int] = defaultdict(int)
        self.repeated = 0

    def work(self, stop: threading.Event) -> None:
        """Repeat until told to stop, but once in any case; a broker that is away is asked again."""
        while not stop.wait(_PAUSE_S):
            self._try(self._dice.choice(TOPICS))
        until = time.monotonic() + _FIRST_S
        while not self.repeated and time.monotonic() < until:
            self._try(TOPICS[0])
            time.sleep(_PAUSE_S)

    def _try(self, topic: str) -> None:
        try:
            self._repeat(topic)
        except _ERRORS as error:
            self._note(f"no echo on {topic}: {error!r}")

    def _repeat(self, topic: str) -> None:
        with ServiceBusClient.from_connection_string(self._connection, retry_total=0) as bus:
            with bus.get_subscription_receiver(topic, TAP, prefetch_count=0) as receiver:
                following = self._dice.randint(1, self._last[topic] + 1)
                page = receiver.peek_messages(_PAGE, sequence_number=following, timeout=_PATIENCE_S)
            if not page:
                self._note(f"nothing on {topic} since {following}")
                return
            self._last[topic] = max(self._last[topic], *(message.sequence_number or 0 for message in page))
            chosen = self._dice.sample(page, min(_AGAIN, len(page)))
            again = [
                ServiceBusMessage(
                    b"".join(message.body), message_id=uuid4().hex, content_type=message.content_type
                )
                for message in chosen
            ]
            with bus.get_topic_sender(topic) as sender:
                sender.send_messages(again, timeout=_PATIENCE_S)
        self.repeated += len(again)
        self._note(f"echo {len(again)} of {topic}")
