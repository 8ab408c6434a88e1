"""The `$management` node of an entity: requests by AMQP, for what links cannot ask.

Operations and fields: Microsoft Learn, "AMQP 1.0 in Azure Service Bus: request-response-based operations".
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from infra.local.servicebus.amqp import message
from infra.local.servicebus.amqp.codec import Array, Symbol, Timestamp
from infra.local.servicebus.amqp.decoding import DecodeError
from infra.local.servicebus.amqp.message import Message
from infra.local.servicebus.broker import Broker
from infra.local.servicebus.errors import BadArgument, NotSupported, ServiceBusFailure
from infra.local.servicebus.queue import Queue

Answer = Callable[[Mapping[str, Any], Any], None]
_VENDOR = "com.microsoft:"


class Management:
    """Answers the requests for one entity (its path in lower case)."""

    def __init__(self, broker: Broker, path: str) -> None:
        self._broker = broker
        self._path = path
        self._operations: Mapping[str, Callable[[Mapping[Any, Any], Answer], None]] = {
            "renew-lock": self._renew,
            "update-disposition": self._settle,
            "peek-message": self._peek,
            "receive-by-sequence-number": self._receive,
            "schedule-message": self._schedule,
            "cancel-scheduled-message": self._cancel,
        }

    def handle(self, request: Message, answer: Answer) -> None:
        """Answer one request, now or after its commit."""
        try:
            operation = message.text(request.application_properties.get("operation", ""))
            run = self._operations.get(operation.removeprefix(_VENDOR))
            if run is None:
                raise NotSupported(f"The operation {operation!r} is not supported here.")
            body = request.body_value
            if not isinstance(body, dict):
                raise BadArgument("The body of a request must be a map.")
            run({message.text(key): value for key, value in body.items()}, answer)
        except DecodeError as error:
            _fail(BadArgument(str(error)), answer)
        except ServiceBusFailure as error:
            _fail(error, answer)

    @property
    def _queue(self) -> Queue:
        return self._broker.queue(self._path)

    def _renew(self, body: Mapping[Any, Any], answer: Answer) -> None:
        queue = self._queue
        until = [queue.renew(token) for token in _tokens(body)]
        _ok(answer, {"expirations": Array(tuple(Timestamp(ms) for ms in until))})

    def _settle(self, body: Mapping[Any, Any], answer: Answer) -> None:
        queue, status = self._queue, message.text(body.get("disposition-status", ""))
        changes = body.get("properties-to-modify") or {}
        if status == "suspended":
            changes = {
                **changes,
                "DeadLetterReason": body.get("deadletter-reason"),
                "DeadLetterErrorDescription": body.get("deadletter-description"),
            }
            changes = {key: value for key, value in changes.items() if value is not None}
        locks = [queue.locked(token) for token in _tokens(body)]
        done = _counted(len(locks), answer)
        for lock in locks:
            if status == "completed":
                queue.complete(lock, done)
            elif status == "abandoned":
                queue.abandon(lock, changes, done)
            elif status == "defered":
                queue.defer(lock, changes, done)
            elif status == "suspended":
                queue.dead_letter(lock, changes, done)
            else:
                raise BadArgument(f"{status!r} is no disposition-status.")

    def _peek(self, body: Mapping[Any, Any], answer: Answer) -> None:
        if body.get("session-id") is not None:
            raise NotSupported("Sessions are not supported here.")
        count = _whole(body, "message-count")
        budget, found = self._broker.max_bytes * 2, list[Any]()
        for encoded in self._peekable.peek(_whole(body, "from-sequence-number"), min(count, 1000)):
            budget -= len(encoded)
            if found and budget < 0:
                break
            found.append({"message": encoded})
        if found:
            _ok(answer, {"messages": found})
        else:
            answer(_status(204, "no messages"), {})

    @property
    def _peekable(self) -> Queue:
        """A topic's scheduled messages can be peeked at the topic."""
        if self._path in self._broker.queues:
            return self._queue
        return self._broker.sink(self._path).waiting

    def _receive(self, body: Mapping[Any, Any], answer: Answer) -> None:
        delete = _whole(body, "receiver-settle-mode", 1) == 0
        received = self._queue.receive_deferred(_numbers(body), delete=delete)
        messages = []
        for encoded, token in received:
            item: dict[str, Any] = {"message": encoded}
            if token is not None:
                item["lock-token"] = token
            messages.append(item)
        _ok(answer, {"messages": messages})

    def _schedule(self, body: Mapping[Any, Any], answer: Answer) -> None:
        listed = body.get("messages")
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise BadArgument("The field messages must be a list of maps.")
        payloads = [item.get("message", item.get(b"message")) for item in listed]
        if not all(isinstance(payload, bytes) for payload in payloads):
            raise BadArgument("Every message must be given as bytes.")
        messages = [message.parse(payload) for payload in payloads if isinstance(payload, bytes)]
        if any(each.scheduled_at is None for each in messages):
            raise BadArgument("A message to schedule must say when.")
        for payload in payloads:
            self._broker.check_size(len(payload or b""))

        def scheduled(result: list[int] | Exception) -> None:
            if isinstance(result, Exception):
                _fail(ServiceBusFailure(str(result)), answer)
            else:
                _ok(answer, {"sequence-numbers": Array(tuple(result))})

        self._broker.schedule(self._broker.sink(self._path), messages, scheduled)

    def _cancel(self, body: Mapping[Any, Any], answer: Answer) -> None:
        self._broker.sink(self._path).waiting.cancel(_numbers(body), _counted(1, answer))


def _counted(count: int, answer: Answer) -> Callable[[Exception | None], None]:
    """A callback that answers once, after it was called `count` times."""
    left, errors = [count], list[Exception]()

    def done(error: Exception | None) -> None:
        left[0] -= 1
        if error is not None:
            errors.append(error)
        if left[0] == 0:
            if errors:
                _fail(ServiceBusFailure(str(errors[0])), answer)
            else:
                _ok(answer, {})

    return done


def _ok(answer: Answer, body: Any) -> None:
    answer(_status(200, "OK"), body)


def _fail(error: ServiceBusFailure, answer: Answer) -> None:
    answer({**_status(error.status, str(error)), "errorCondition": Symbol(error.condition)}, {})


def _status(code: int, description: str) -> dict[str, Any]:
    return {"statusCode": code, "statusDescription": description}


def _tokens(body: Mapping[Any, Any]) -> list[UUID]:
    tokens = body.get("lock-tokens")
    if not isinstance(tokens, list) or not tokens or not all(isinstance(token, UUID) for token in tokens):
        raise BadArgument("The field lock-tokens must be an array of uuid.")
    return tokens


def _numbers(body: Mapping[Any, Any]) -> list[int]:
    numbers = body.get("sequence-numbers")
    if not isinstance(numbers, list) or not numbers or not all(isinstance(number, int) for number in numbers):
        raise BadArgument("The field sequence-numbers must be an array of long.")
    return numbers


def _whole(body: Mapping[Any, Any], name: str, default: int | None = None) -> int:
    value = body.get(name, default)
    if not isinstance(value, int):
        raise BadArgument(f"The field {name} must be a whole number.")
    return value
