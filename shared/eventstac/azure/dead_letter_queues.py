"""Takes messages out of the dead-letter queues of all subscriptions, through the azure-servicebus SDK."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from eventstac.azure.peeking import body_of, since, subscriptions
from eventstac.dead_letters import DeadLetter
from eventstac.errors import Transient

_BATCH = 50
_PATIENCE_S = 1.0  # how long an empty queue is waited for
_LIMIT = 5_000  # messages of one queue in one go: the timer comes again


class DeadLetterQueues:
    """The dead-letter queues of every subscription of contracts/topology.json."""

    def __init__(self, open_client: Callable[[], ServiceBusClient]) -> None:
        self._open_client = open_client

    def drain(self, keep: Callable[[Sequence[DeadLetter]], None]) -> int:
        """Hand over what is in the queues, a batch at a time; returns how many messages.

        A batch is completed only after `keep` returned: what is not kept comes again. Transient where Service Bus
        does not answer.
        """
        places = subscriptions()
        try:
            # Opening and closing a receiver takes the SDK about a second: all queues side by side.
            with self._open_client() as client, ThreadPoolExecutor(len(places)) as pool:
                drains = [pool.submit(_drain_one, client, *place, keep) for place in places]
                return sum(drain.result() for drain in drains)
        except AzureError as error:
            raise Transient(f"Service Bus does not answer: {error}") from error


def _drain_one(
    client: ServiceBusClient, topic: str, subscription: str, keep: Callable[[Sequence[DeadLetter]], None]
) -> int:
    queue = ServiceBusSubQueue.DEAD_LETTER
    drained = 0
    with client.get_subscription_receiver(topic, subscription, sub_queue=queue) as receiver:
        while drained < _LIMIT:
            batch = receiver.receive_messages(max_message_count=_BATCH, max_wait_time=_PATIENCE_S)
            if not batch:
                break
            try:
                keep([_dead_letter(message, topic, subscription) for message in batch])
            except Exception:
                for message in batch:  # else they stay locked, and nobody sees them until the locks expire
                    receiver.abandon_message(message)
                raise
            for message in batch:
                try:
                    receiver.complete_message(message)
                except (MessageLockLostError, MessageAlreadySettled):
                    continue  # it comes again, and is kept already
            drained += len(batch)
    return drained


def _dead_letter(message: ServiceBusReceivedMessage, topic: str, subscription: str) -> DeadLetter:
    """Whatever a sender or receiver wrote: AMQP's ids, reasons and bodies may be of any of its types."""
    return DeadLetter(
        topic=topic,
        subscription=subscription,
        sequence=message.sequence_number or 0,
        message_id=str(message.message_id or ""),
        body=body_of(message),
        reason=str(message.dead_letter_reason or "unknown reason"),
        description=str(message.dead_letter_error_description or ""),
        deliveries=message.delivery_count or 0,
        first_sent=since(message),
    )
