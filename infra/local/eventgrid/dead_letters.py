"""Events that could not be delivered, as blobs, where and how Azure writes them."""

import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from infra.local.eventgrid.config import EventSubscription
from infra.local.eventgrid.destinations import text_of
from infra.local.eventgrid.store import Delivery

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient

_log = logging.getLogger(__name__)


class DeadLetters:
    """Writes blobs of dead-lettered events to the containers of one storage account.

    The storage SDK is imported when the first event dies: it would be half of the process's time to start.
    """

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        self._service: BlobServiceClient | None = None

    async def close(self) -> None:
        """Close the connections to the storage."""
        if self._service is not None:
            await self._service.close()

    async def write(
        self, subscription: EventSubscription, deliveries: Sequence[Delivery], now: datetime
    ) -> Literal["written", "no container", "unavailable"]:
        """One blob with a JSON array of the events. A missing container loses them, as on Azure."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError
        from azure.storage.blob import ContentSettings

        container = subscription.dead_letter_container or ""
        body = text_of([dead_letter(one) for one in deliveries])
        try:
            await (
                self._open()
                .get_blob_client(container, blob_name(subscription.name, now))
                .upload_blob(body, content_settings=ContentSettings(content_type="application/json"))
            )
        except ResourceNotFoundError:
            _log.error(
                "deadletter.lost subscription=%s events=%d: the storage has no container %r; create it",
                subscription.key,
                len(deliveries),
                container,
            )
            return "no container"
        except (AzureError, OSError) as error:
            _log.warning("deadletter.unavailable subscription=%s detail=%s", subscription.key, error)
            return "unavailable"
        return "written"

    def _open(self) -> "BlobServiceClient":
        if self._service is None:
            from azure.storage.blob.aio import BlobServiceClient

            self._service = BlobServiceClient.from_connection_string(self._connection_string, retry_total=0)
        return self._service


def blob_name(subscription: str, now: datetime) -> str:
    """`SUBSCRIPTION/Y/M/D/H/guid.json`, in UTC and without leading zeros."""
    return f"{subscription.upper()}/{now.year}/{now.month}/{now.day}/{now.hour}/{uuid.uuid4()}.json"


def dead_letter(delivery: Delivery) -> dict[str, Any]:
    """The event with what Event Grid adds to it in the CloudEvents schema."""
    return {
        **delivery.event,
        "deadletterreason": delivery.dead_reason,
        "deliveryattempts": delivery.attempts,
        "lastdeliveryoutcome": delivery.outcome,
        "publishtime": ticks(delivery.published),
        "lastdeliveryattempttime": ticks(delivery.attempted or delivery.published),
    }


def ticks(moment: float) -> str:
    """A time as Azure writes it: UTC with seven decimals."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
