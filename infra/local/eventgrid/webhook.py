"""Delivery to a webhook, after it has agreed to be called."""

import asyncio
import logging

import aiohttp

from infra.local.eventgrid.config import EventSubscription
from infra.local.eventgrid.destinations import (
    ATTEMPT_S,
    BAD_REQUEST,
    DELIVERED,
    FORBIDDEN,
    PAYLOAD_TOO_LARGE,
    Outcome,
    delivery_properties,
    system_properties,
    text_of,
)
from infra.local.eventgrid.store import Delivery

CONNECTIONS = 32  # to one webhook at a time
ORIGIN = "eventgrid.azure.net"  # the name by which Event Grid introduces itself

_log = logging.getLogger(__name__)

_NOT_RETRIED = {
    400: BAD_REQUEST,
    401: Outcome("Unauthorized", final=True, reason="UndeliverableDueToHttpUnauthorized"),
    403: FORBIDDEN,
    413: PAYLOAD_TOO_LARGE,
}
_RETRIED = {404: Outcome("NotFound"), 408: Outcome("TimedOut"), 429: Outcome("Busy"), 503: Outcome("Busy")}


class WebhookSender:
    """Posts each event in structured mode, once the endpoint granted it (CloudEvents 1.0 "HTTP 1.1 Web Hooks", 4).

    Until then every attempt fails as `Unauthorized` and follows the retry schedule.
    """

    def __init__(self, subscription: EventSubscription) -> None:
        self._subscription = subscription
        self._session: aiohttp.ClientSession | None = None
        self._granted = False

    async def deliver(self, deliveries: list[Delivery]) -> list[Outcome]:
        """All of them at once: one slow answer does not hold up the others."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=ATTEMPT_S),
            )
        session = self._session
        if not self._granted and (refusal := await self._ask(session)):
            return [refusal] * len(deliveries)
        self._granted = True
        return list(await asyncio.gather(*(self._post(session, one) for one in deliveries)))

    async def close(self) -> None:
        """Close idle connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, session: aiohttp.ClientSession) -> Outcome | None:
        """Ask for permission; None is a yes."""
        url = self._subscription.destination.address
        try:
            async with session.options(url, headers={"WebHook-Request-Origin": ORIGIN}) as response:
                allowed = response.headers.get("WebHook-Allowed-Origin", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("webhook.unreachable subscription=%s detail=%s", self._subscription.key, error)
            return Outcome("SocketError")
        if allowed not in ("*", ORIGIN):
            _log.warning(
                "webhook.refused subscription=%s: the answer to OPTIONS %s has no WebHook-Allowed-Origin of * or %s",
                self._subscription.key,
                url,
                ORIGIN,
            )
            return Outcome("Unauthorized")
        return None

    async def _post(self, session: aiohttp.ClientSession, delivery: Delivery) -> Outcome:
        headers = {
            **delivery_properties(self._subscription.destination.properties, delivery.event),
            **system_properties(self._subscription, delivery),
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "Origin": ORIGIN,
        }
        body = text_of(delivery.event)
        try:
            async with session.post(
                self._subscription.destination.address, data=body, headers=headers
            ) as response:
                status = response.status
        except TimeoutError:
            return Outcome("TimedOut")
        except (aiohttp.ClientError, OSError) as error:
            _log.warning("delivery.failed subscription=%s detail=%s", self._subscription.key, error)
            return Outcome("SocketError")
        return outcome_of(status)


def outcome_of(status: int) -> Outcome:
    """What Event Grid makes of a webhook's status: only 200 to 204 are success."""
    if 200 <= status <= 204:
        return DELIVERED
    return _NOT_RETRIED.get(status) or _RETRIED.get(status, Outcome("GenericError"))
