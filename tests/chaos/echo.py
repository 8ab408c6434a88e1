"""Sends old messages again, in any order, with ids of their own: what a bus may do that delivers at least once."""

import random
import threading
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


class Echo:
    """Repeats some of what was ever sent to the apps' topics, all the while."""

    def __init__(self, user: User, dice: random.Random, note: Callable[[str], None]) -> None:
        self._connection = user.stack.env["SERVICEBUS_CONNECTION_STRING"]
        self._dice, self._note = dice, note
        self.repeated = 0

    def work(self, stop: threading.Event) -> None:
        """Repeat until told to stop; a broker that is away is asked again."""
        while not stop.wait(_PAUSE_S):
            topic = self._dice.choice(TOPICS)
            try:
                self._repeat(topic)
            except ServiceBusError as error:
                self._note(f"no echo on {topic}: {type(error).__name__}")

    def _repeat(self, topic: str) -> None:
        with ServiceBusClient.from_connection_string(self._connection, retry_total=0) as bus:
            with bus.get_subscription_receiver(topic, TAP, prefetch_count=0) as receiver:
                newest = receiver.peek_messages(1, sequence_number=1, timeout=_PATIENCE_S)
                if not newest:
                    return
                following = 1 + self._dice.randrange(20 * max(1, self.repeated))
                page = receiver.peek_messages(_PAGE, sequence_number=following, timeout=_PATIENCE_S)
            page = page or newest
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
