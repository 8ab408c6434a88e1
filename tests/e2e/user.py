"""What people and programs do with the stack, through the SDKs they have."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pystac_client
from azure.core.credentials import AzureKeyCredential
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiver, ServiceBusSender
from azure.storage.blob import BlobServiceClient, ContentSettings
from typer.testing import CliRunner

from eventstac.cli.main import app as eventstac
from infra.local.stack.testing import Stack
from tests.e2e.conditions import PATIENCE_S, until
from tests.e2e.tapped import TAP

COG_COMPLETED = "eventstac.cog.completed.v1"
BROKEN = "broken-on-purpose"  # ids that begin so are of messages that a test made to be refused


class Links:
    """Senders and receivers that stay open: the SDK sleeps for a second in opening and closing each."""

    def __init__(self, bus: ServiceBusClient, closing: ExitStack) -> None:
        self._bus, self._closing = bus, closing
        self._senders: dict[str, ServiceBusSender] = {}
        self._taps: dict[str, ServiceBusReceiver] = {}

    def sender(self, topic: str) -> ServiceBusSender:
        """The sender of a topic."""
        if topic not in self._senders:
            self._senders[topic] = self._closing.enter_context(self._bus.get_topic_sender(topic))
        return self._senders[topic]

    def tap(self, topic: str) -> ServiceBusReceiver:
        """The receiver of a topic's tap, to peek with."""
        if topic not in self._taps:
            receiver = self._bus.get_subscription_receiver(topic, TAP, prefetch_count=0)
            self._taps[topic] = self._closing.enter_context(receiver)
        return self._taps[topic]


@dataclass(frozen=True)
class User:
    """A user of a running stack."""

    stack: Stack
    storage: BlobServiceClient
    cog_topic: EventGridPublisherClient
    _links: Links

    @classmethod
    @contextmanager
    def of(cls, stack: Stack) -> Iterator["User"]:
        """A user who knows `.local/env`."""
        env = stack.env
        with ExitStack() as clients:
            bus = clients.enter_context(
                ServiceBusClient.from_connection_string(env["SERVICEBUS_CONNECTION_STRING"])
            )
            yield cls(
                stack,
                clients.enter_context(
                    BlobServiceClient.from_connection_string(env["AZURE_STORAGE_CONNECTION_STRING"])
                ),
                clients.enter_context(
                    EventGridPublisherClient(
                        env["EVENTGRID_TOPIC_ENDPOINT"], AzureKeyCredential(env["EVENTGRID_TOPIC_KEY"])
                    )
                ),
                Links(bus, clients),
            )

    # Storage

    def upload(self, path: str, content: bytes, container: str = "source") -> str:
        """Upload (or overwrite) a blob; returns its URL."""
        blob = self.storage.get_blob_client(container, path)
        blob.upload_blob(content, overwrite=True, content_settings=ContentSettings(content_type="image/tiff"))
        return blob.url

    def upload_all(self, contents: Mapping[str, bytes], container: str = "source") -> dict[str, str]:
        """Upload several blobs at the same time; returns their URLs by path."""
        with ThreadPoolExecutor(8) as pool:
            urls = pool.map(lambda path: self.upload(path, contents[path], container), contents)
            return dict(zip(contents, urls, strict=True))

    def delete(self, path: str, container: str = "source") -> None:
        """Delete a blob."""
        self.storage.get_blob_client(container, path).delete_blob()

    # Catalog

    @property
    def client(self) -> pystac_client.Client:
        """The catalog, opened with pystac-client."""
        return pystac_client.Client.open(self.stack.stac_api)

    def item(self, collection: str, item: str) -> dict[str, Any] | None:
        """An Item as the API shows it, None where it shows none."""
        return self._get(f"/collections/{collection}/items/{quote(item)}")

    def collection(self, collection: str) -> dict[str, Any] | None:
        """A Collection as the API shows it."""
        return self._get(f"/collections/{collection}")

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(self.stack.stac_api + path) as answer:
                document: dict[str, Any] = json.load(answer)
                return document
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
            raise

    def searchable(self, collection: str, items: Iterable[str], seconds: float = PATIENCE_S) -> None:
        """Wait until all of these Items are found by a search for their ids."""
        wanted = sorted(items)

        def missing() -> set[str]:
            found = self.client.search(collections=[collection], ids=wanted, limit=200).items_as_dicts()
            return set(wanted) - {item["id"] for item in found}

        until(lambda: not missing(), f"{len(wanted)} Items of {collection} to be searchable", seconds)

    # Bus

    def cog_completed(self, source_url: str, cog_url: str, **data: Any) -> None:
        """Publish what a converter publishes when it has finished a COG."""
        data = {"source_url": source_url, "cog_url": cog_url, **data}
        self.cog_topic.send(CloudEvent(source="tests/converter", type=COG_COMPLETED, data=data))

    def send(self, topic: str, body: str | Mapping[str, Any], message_id: str) -> None:
        """Send a message to a Service Bus topic."""
        text = body if isinstance(body, str) else json.dumps(body)
        self._links.sender(topic).send_messages(
            ServiceBusMessage(text, message_id=message_id, content_type="application/cloudevents+json")
        )

    def seen(self, topic: str) -> list[dict[str, Any]]:
        """Every event that was ever sent to a topic, in order, but for what is no JSON."""
        bodies = [b"".join(message.body) for message in self._tapped(topic)]
        return [json.loads(body) for body in bodies if body.startswith(b"{")]

    def _tapped(self, topic: str) -> Iterator[Any]:
        receiver, following = self._links.tap(topic), 1  # 0 would go on where the last peek ended
        while page := receiver.peek_messages(250, sequence_number=following):
            yield from page
            following = (page[-1].sequence_number or following) + 1

    # Operations

    def where(self, url: str) -> dict[str, Any]:
        """What `eventstac where --json` says of a blob."""
        result = CliRunner().invoke(eventstac, ["where", url, "--json"], env=dict(self.stack.env))
        assert result.exit_code == 0, f"{result.output}{result.exception!r}"
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def verdict(self, url: str, expected: str, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until `where` ends in a verdict; returns all that it says."""
        said: dict[str, Any] = {}

        def arrived() -> bool:
            said.update(self.where(url))
            return bool(said["verdict"] == expected)

        until(arrived, lambda: f"the verdict {expected!r} on {url}; it said {said}", seconds)
        return said

    def entities(self) -> dict[str, dict[str, Any]]:
        """The counts of each subscription of the apps, by TOPIC/SUBSCRIPTION (as the broker names it)."""
        port = self.stack.endpoints.ports["servicebus_status"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/entities") as answer:
            told = json.load(answer)
        counts = {one["name"]: one for one in told["entities"] if not one["name"].lower().endswith(f"/{TAP}")}
        return {**counts, **{f"topic {one['name']}": one for one in told["topics"]}}

    def subscription(self, topic: str, subscription: str) -> dict[str, Any]:
        """The counts of one subscription."""
        (found,) = [
            counts
            for name, counts in self.entities().items()
            if name.startswith(f"{topic}/") and name.endswith(f"/{subscription}")
        ]
        return found

    def outbox(self) -> int:
        """How many announcements wait to be published."""
        return int(self.stack.query("SELECT count(*) FROM eventstac.outbox")[0][0])

    def quiet(self, seconds: float = PATIENCE_S) -> None:
        """Wait until nothing is on its way anywhere; there must be no dead letter then."""
        until(
            lambda: self._is_quiet() and self._is_quiet(),
            lambda: f"all messages to be handled: {self.outbox()} in the outbox, {self.entities()}",
            seconds,
        )
        dead = {name: counts for name, counts in self.entities().items() if counts.get("dead_letter")}
        assert dead == {}

    def _is_quiet(self) -> bool:
        """In the order in which events travel, so that none can slip by between two questions."""
        ports = self.stack.endpoints.ports
        blobs = _json(ports["blobs_admin"], "/stats")
        if blobs["pending"] or blobs["unsettled"]:
            return False
        if any(route["pending"] for route in _json(ports["eventgrid"], "/stats").values()):
            return False
        return not self._busy() and self.outbox() == 0 and not self._busy()

    def _busy(self) -> bool:
        names = ("active", "locked", "scheduled")
        return any(counts.get(name) for counts in self.entities().values() for name in names)


def _json(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return json.load(answer)


def trigger(stack: Stack, app: str, function: str) -> None:
    """Run a timer's function now, as an operator can on Azure."""
    url = f"http://127.0.0.1:{stack.endpoints.ports[app]}/admin/functions/{function}"
    request = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 202
