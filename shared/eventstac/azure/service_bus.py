"""Service Bus as our bus, through the azure-servicebus SDK."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock

from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError

from eventstac.bus import Message, text_of
from eventstac.errors import Rejected, Transient
from eventstac.events.envelope import CONTENT_TYPE
from eventstac.settings import SettingsMissing


def open_client(values: Mapping[str, str], name: str = "ServiceBus") -> ServiceBusClient:
    """A client from the settings that the Functions host itself reads: a connection string, or a namespace's name."""
    connection_string = values.get(name)
    if connection_string:
        try:
            return ServiceBusClient.from_connection_string(connection_string)
        except ValueError as error:
            raise SettingsMissing(f"{name} is no connection string of Service Bus: {error}") from error
    namespace = values[f"{name}__fullyQualifiedNamespace"]
    client_id = values.get(f"{name}__clientId")
    return ServiceBusClient(namespace, DefaultAzureCredential(managed_identity_client_id=client_id))


class ServiceBus:
    """Sends to topics; one sender a topic, opened when first used and anew after a failure."""

    def __init__(self, client: ServiceBusClient) -> None:
        self._client = client
        self._senders: dict[str, ServiceBusSender] = {}
        self._lock = Lock()  # the SDK's senders must not be shared by threads

    def send(self, messages: Sequence[Message]) -> None:
        """Send messages, each to its topic. Errors: Transient, Rejected `too-large`."""
        by_topic: dict[str, list[Message]] = {}
        for message in messages:
            by_topic.setdefault(message.topic, []).append(message)
        with self._lock:
            for topic, group in by_topic.items():
                self._send_to(topic, group)

    def open(self, topic: str) -> None:
        """Open the link to a topic ahead of what is sent there: that takes half a second. Errors: Transient.

        Who sends meanwhile does not wait for it, which may try for long where the broker is away.
        """
        sender = self._client.get_topic_sender(topic)
        try:
            with self._failures(topic):
                sender.create_message_batch()  # for whose limit the SDK asks the broker
        except Transient:
            sender.close()
            raise
        with self._lock:
            kept = self._senders.setdefault(topic, sender)
        if kept is not sender:
            sender.close()

    def close(self) -> None:
        """Close all links."""
        with self._lock:
            for sender in self._senders.values():
                sender.close()
            self._senders.clear()
        self._client.close()

    def _send_to(self, topic: str, messages: Sequence[Message]) -> None:
        outgoing = [_to_sdk(message) for message in messages]
        sender = self._senders.get(topic)
        if sender is None:
            sender = self._senders[topic] = self._client.get_topic_sender(topic)
        try:
            with self._failures(topic):
                self._send_batches(sender, outgoing)
        except Transient:
            self._senders.pop(topic).close()
            raise

    @contextmanager
    def _failures(self, topic: str) -> Iterator[None]:
        try:
            yield
        except MessageSizeExceededError as error:
            raise Rejected("too-large", f"a message to {topic} is over the bus's limit: {error}") from error
        except (AzureError, OSError, ValueError) as error:
            # ValueError: what the SDK raises for a sender that was closed by a lost connection.
            where = self._client.fully_qualified_namespace
            raise Transient(
                f"topic {topic} of Service Bus at {where} does not take messages: {error}"
            ) from error

    def _send_batches(self, sender: ServiceBusSender, messages: Sequence[ServiceBusMessage]) -> None:
        batch = sender.create_message_batch()
        for message in messages:
            try:
                batch.add_message(message)
            except ValueError:  # the batch is full (MessageSizeExceededError is a ValueError too)
                if len(batch) == 0:
                    raise
                sender.send_messages(batch)
                batch = sender.create_message_batch()
                batch.add_message(message)
        sender.send_messages(batch)


def _to_sdk(message: Message) -> ServiceBusMessage:
    outgoing = ServiceBusMessage(
        text_of(message).encode(),
        content_type=CONTENT_TYPE,
        message_id=message.message_id,
        application_properties={name: value for name, value in message.properties.items()},
    )
    if message.not_before:
        outgoing.scheduled_enqueue_time_utc = message.not_before
    return outgoing
