"""The `$cbs` node of a connection: takes shared access signatures, says what they open and when they are over."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.servicebus.amqp import message
from infra.local.servicebus.amqp.decoding import DecodeError
from infra.local.servicebus.amqp.message import Message
from infra.local.servicebus.errors import Unauthorized
from infra.local.servicebus.sas import BadToken, Grant, Keys, entity_path

CBS = "$cbs"
Answer = Callable[[Mapping[str, Any], Any], None]


class Tokens:
    """The grants of one connection. `expired` is called when one has come to its end without being renewed."""

    def __init__(self, keys: Keys, expired: Callable[[], None]) -> None:
        self._keys = keys
        self._expired = expired
        self._grants: dict[str, Grant] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def closed(self) -> None:
        """The connection is gone."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def opens(self, path: str) -> bool:
        """Whether a token that still holds covers the entity (lower case)."""
        now = time.time()
        return any(grant.covers(path, now) for grant in self._grants.values())

    def authorize(self, path: str) -> None:
        """Raises Unauthorized if no token covers the entity."""
        if not self.opens(path):
            raise Unauthorized(f"Unauthorized access. No valid token was given for '{path}'.")

    def put(self, request: Message, answer: Answer) -> None:
        """Answer a request of `$cbs`: a good token adds its grant or renews it."""
        properties = request.application_properties
        try:
            if message.text(properties.get("operation", "")) != "put-token":
                answer({"status-code": 400, "status-description": "expected operation put-token"}, None)
                return
            # The SDK says type "jwt" for what is a shared access signature; the token itself decides.
            audience = entity_path(message.text(properties.get("name", "")))
            self._keep(audience, self._keys.verify(message.text(request.body_value), audience, time.time()))
        except (BadToken, DecodeError) as error:
            answer({"status-code": 401, "status-description": f"InvalidSignature: {error}"}, None)
        else:
            answer({"status-code": 202, "status-description": "Accepted"}, None)

    def _keep(self, audience: str, grant: Grant) -> None:
        self._grants[audience] = grant
        timer = self._timers.pop(audience, None)
        if timer is not None:
            timer.cancel()
        left = grant.expires_s - time.time() + 0.01  # behind the end, so that it is over when we look
        if left < _LONGEST_S:
            self._timers[audience] = asyncio.get_running_loop().call_later(left, self._over, audience)

    def _over(self, audience: str) -> None:
        del self._timers[audience], self._grants[audience]
        self._expired()


_LONGEST_S = 10 * 24 * 3600  # a timer for a token that outlives this is not worth having
