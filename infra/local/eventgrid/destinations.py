"""How one event reaches its destination: the attempt, and what its failure is called."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infra.local.eventgrid.config import DeliveryProperty, EventSubscription
from infra.local.eventgrid.store import Delivery

ATTEMPT_S = 30.0  # Event Grid waits this long for an answer


@dataclass(frozen=True)
class Outcome:
    """What an attempt came to, in Event Grid's words. `final` failures are not tried again, for `reason`."""

    name: str
    delivered: bool = False
    final: bool = False
    reason: str = ""


DELIVERED = Outcome("Delivered", delivered=True)
BAD_REQUEST = Outcome("BadRequest", final=True, reason="UndeliverableDueToHttpBadRequest")
FORBIDDEN = Outcome("Forbidden", final=True, reason="UndeliverableDueToHttpForbidden")
PAYLOAD_TOO_LARGE = Outcome(
    "PayloadTooLarge", final=True, reason="UndeliverableDueToHttpRequestEntityTooLarge"
)


class Sender(Protocol):
    """Delivers to one destination. It never raises for a failed delivery: failures are outcomes."""

    async def deliver(self, deliveries: list[Delivery]) -> list[Outcome]:
        """Attempt each once; the outcomes are in the same order."""

    async def close(self) -> None:
        """Let go of connections."""


def text_of(event: object) -> bytes:
    """An event, or several, as they are delivered or dead-lettered.

    Half a surrogate pair, which a version before took in, is escaped as JSON does: no event stops those behind it.
    """
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace")


def system_properties(subscription: EventSubscription, delivery: Delivery) -> dict[str, str]:
    """What Event Grid itself adds to a delivery (headers of a webhook call, application properties of a message)."""
    return {
        "aeg-subscription-name": subscription.name.upper(),
        "aeg-delivery-count": str(delivery.attempts),
        "aeg-event-type": "Notification",
        "aeg-metadata-version": str(delivery.event["specversion"]),
        "aeg-output-event-id": delivery.message_id,
    }


def delivery_properties(properties: tuple[DeliveryProperty, ...], event: Mapping[str, Any]) -> dict[str, str]:
    """The subscription's own delivery properties for one event; a field that is absent or no scalar adds nothing."""
    found = {}
    for one in properties:
        value = _field(event, one.source_field) if one.source_field else one.value
        if isinstance(value, bool):
            found[one.name] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            found[one.name] = str(value)
    return found


def _field(event: Mapping[str, Any], path: str) -> Any:
    value: Any = event
    for part in path.removeprefix("$.").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
