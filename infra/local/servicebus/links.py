"""Where a client's links lead: entities, their management nodes, and the node that takes tokens."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.local.servicebus.amqp import message
from infra.local.servicebus.amqp.codec import Described
from infra.local.servicebus.amqp.decoding import DecodeError
from infra.local.servicebus.amqp.frames import Attach
from infra.local.servicebus.amqp.link import (
    ACCEPTED,
    Incoming,
    LinkFactory,
    Outgoing,
    OutgoingLink,
    rejected,
)
from infra.local.servicebus.amqp.message import Message
from infra.local.servicebus.broker import Broker
from infra.local.servicebus.entity_links import Receiver, Sender
from infra.local.servicebus.errors import (
    BadArgument,
    EntityNotFound,
    NotSupported,
    Unauthorized,
)
from infra.local.servicebus.management import Management
from infra.local.servicebus.sas import Keys, entity_path
from infra.local.servicebus.tokens import CBS, Answer, Tokens

_MANAGEMENT = "/$management"
_SESSION_FILTER = "com.microsoft:session-filter"


class Links:
    """The links of one connection, and what its tokens have opened."""

    def __init__(self, broker: Broker, keys: Keys) -> None:
        self._broker = broker
        self._tokens = Tokens(keys, self._token_expired)
        self._receivers: dict[OutgoingLink, str] = {}
        self._replies: dict[str, dict[str | None, OutgoingLink]] = {}

    def closed(self) -> None:
        """The connection is gone."""
        self._tokens.closed()
        self._replies.clear()
        self._receivers.clear()

    def _token_expired(self) -> None:
        """End the links whose entity no token opens any more; a sender learns it when it sends."""
        for link, path in list(self._receivers.items()):
            if not self._tokens.opens(path):
                reason = f"ExpiredToken: the token for '{path}' has expired."
                link.session.detach(link, Unauthorized.condition, reason)

    def outgoing(self, attach: Attach, link: OutgoingLink) -> Outgoing:
        """The client wants to receive."""
        address = _address(attach.source)
        path = entity_path(address)
        if path == CBS or path.endswith(_MANAGEMENT):
            self._entity(path)
            node = self._replies.setdefault(path, {})
            reply_to = _address(attach.target)
            node[reply_to] = link
            return _Replies(node, reply_to)
        if _SESSION_FILTER in _filters(attach.source):
            raise NotSupported("Sessions are not supported here.")
        self._tokens.authorize(path)
        if path in self._broker.sinks and path not in self._broker.queues:
            raise NotSupported(f"'{path}' is a topic: receive from one of its subscriptions.")
        if path.endswith("/$transfer/$deadletterqueue"):
            raise NotSupported("Forwarding, and so the transfer dead-letter queue, is not supported here.")
        receiver = Receiver(self._broker.queue(path), link, lambda: self._receivers.pop(link, None))
        self._receivers[link] = path
        return receiver

    def incoming(self, attach: Attach) -> Incoming:
        """The client wants to send."""
        if isinstance(attach.target, Described) and attach.target.descriptor == _COORDINATOR:
            raise NotSupported("Transactions are not supported here.")
        path = entity_path(_address(attach.target))
        if path == CBS:
            return _Requests(self._tokens.put, self._broker.max_bytes, self._replier(path))
        if path.endswith(_MANAGEMENT):
            management = Management(self._broker, self._entity(path))
            return _Requests(management.handle, 16 * 1024 * 1024, self._replier(path))
        self._tokens.authorize(path)
        return Sender(self._broker, self._broker.sink(path), lambda: self._tokens.authorize(path))

    def _entity(self, path: str) -> str:
        """The entity of a management node, authorized and known."""
        if path == CBS:
            return path
        entity = path.removesuffix(_MANAGEMENT)
        self._tokens.authorize(entity)
        if entity not in self._broker.sinks and entity not in self._broker.queues:
            raise EntityNotFound(f"The messaging entity '{entity}' could not be found.")
        return entity

    def _replier(self, path: str) -> "Callable[[Message], OutgoingLink | None]":
        def find(request: Message) -> OutgoingLink | None:
            node = self._replies.get(path, {})
            return node.get(request.properties[4]) or next(reversed(node.values()), None)

        return find


_COORDINATOR = 0x30


class _Replies:
    """A link on which responses go out."""

    def __init__(self, node: dict[str | None, OutgoingLink], key: str) -> None:
        self._node = node
        self._key = key

    def flowed(self) -> None:
        """Responses wait in the link itself."""

    def settle(self, delivery: Any, state: Any, reply: Any) -> None:
        """Responses are sent settled."""

    def detached(self) -> None:
        """No more responses."""
        self._node.pop(self._key, None)


class _Requests:
    """A link on which requests come in, to a node that answers each."""

    def __init__(
        self,
        handle: Callable[[Message, Answer], None],
        max_bytes: int,
        link: Callable[[Message], OutgoingLink | None],
    ) -> None:
        self.max_bytes = max_bytes
        self._handle = handle
        self._link = link

    def received(self, payload: bytes, message_format: int, reply: Callable[[bytes], None]) -> None:
        """One request."""
        try:
            request = message.parse(payload)
        except DecodeError as error:
            reply(rejected("amqp:decode-error", str(error)))
            return

        def answer(properties: Mapping[str, Any], body: Any) -> None:
            link = self._link(request)
            if link is not None:
                link.reply(message.reply(request.properties[0], properties, body))
            # After the response: threads of the SDK that share a connection read it by turns, and one whose response
            # another has just read waits for the next frame, 0.2 s if there is none.
            reply(ACCEPTED)

        self._handle(request, answer)


def _address(terminus: Any) -> str:
    if isinstance(terminus, Described) and isinstance(terminus.value, list) and terminus.value:
        address = terminus.value[0]
        if isinstance(address, str | bytes):
            return message.text(address)
    raise BadArgument("The link names no address.")


def _filters(source: Any) -> Mapping[Any, Any]:
    filters = source.value[7] if len(source.value) > 7 else None
    return filters if isinstance(filters, dict) else {}


def factory(broker: Broker, keys: Keys) -> Callable[[Any], LinkFactory]:
    """What a connection calls for its links."""
    return lambda _connection: Links(broker, keys)
