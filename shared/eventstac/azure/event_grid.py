"""An Event Grid custom topic, through the azure-eventgrid SDK."""

from collections.abc import Mapping, Sequence
from typing import Any

from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.eventgrid import EventGridPublisherClient
from azure.identity import DefaultAzureCredential

from eventstac.errors import Rejected, Transient


class EventGridTopic:
    """Publishes CloudEvents to one topic."""

    def __init__(self, client: EventGridPublisherClient) -> None:
        self._client = client

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish structured CloudEvents. Errors: Transient, Rejected `refused` for what Event Grid will not take."""
        try:
            self._client.send([dict(event) for event in events])
        except HttpResponseError as error:
            if error.status_code in (400, 413):
                raise Rejected("refused", f"Event Grid refuses the events: {error.message}") from error
            raise Transient(f"Event Grid answers {error.status_code}: {error.message}") from error
        except AzureError as error:
            raise Transient(f"Event Grid does not answer: {error}") from error


def open_topic(values: Mapping[str, str], name: str = "CatalogEvents") -> EventGridTopic:
    """A topic from `NAME__topicEndpoint` with `NAME__topicKey`, or with a managed identity where there is no key."""
    key = values.get(f"{name}__topicKey")
    credential = (
        AzureKeyCredential(key)
        if key
        else DefaultAzureCredential(managed_identity_client_id=values.get(f"{name}__clientId"))
    )
    return EventGridTopic(EventGridPublisherClient(values[f"{name}__topicEndpoint"], credential))
