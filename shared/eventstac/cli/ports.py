"""What the operator's commands work with: database, storage and bus, from the environment that `make up` writes."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import typer

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.blob_urls import BlobName
from eventstac.catalog.collection_documents import collection_ids
from eventstac.catalog.database import Connection, DatabaseSettings, connect, database_failures
from eventstac.catalog.ours import our_collections
from eventstac.catalog.rules_store import RulesStore
from eventstac.cli.console import say
from eventstac.cli.places import blob_url
from eventstac.consumption import Consumer
from eventstac.containers import ContainerNames, Watched
from eventstac.errors import EventstacError
from eventstac.rules.applied import AppliedRules
from eventstac.rules.default_collection import read_default_collection
from eventstac.settings import Environment
from eventstac.telemetry.opening import open_telemetry
from eventstac.telemetry.spans import Telemetry

APP = "operator"

MOST = 2**63 - 1  # of anything that PostgreSQL counts (bigint)

# The names that SDK users know, for what the apps call otherwise (`.local/env` has the former).
_ALIASES = {
    "BlobStorage": "AZURE_STORAGE_CONNECTION_STRING",
    "ServiceBus": "SERVICEBUS_CONNECTION_STRING",
    "SOURCE_CONTAINERS": "SOURCE_CONTAINER",
}
_STORAGE = ("BlobStorage", "blobServiceUri")


class UnknownCollection(EventstacError):
    """A command was asked about a collection that is not there."""


@dataclass(frozen=True)
class Ports:
    """The operator's ports; each is opened when it is asked for."""

    values: Mapping[str, str]
    database: DatabaseSettings
    names: ContainerNames
    default_collection: str

    @classmethod
    def read(
        cls,
        command: str,
        environment: Mapping[str, str],
        *,
        storage: bool = True,
        bus: bool = True,
        also: Callable[[Environment], object] = lambda env: None,
    ) -> "Ports":
        """Read the environment, and what `also` reads from it; SettingsMissing lists everything that is lacking."""
        values = by_our_names(environment)
        env = Environment(values)
        if bus:
            env.connection("ServiceBus", "fullyQualifiedNamespace")
        if storage:
            env.connection(*_STORAGE)
        else:
            values.setdefault("SOURCE_CONTAINERS", "source")  # nothing is asked of the storage
        ports = cls(
            values,
            DatabaseSettings.read(env),
            ContainerNames.read(env),
            read_default_collection(env),
        )
        also(env)
        env.check(f"eventstac {command}")
        return ports

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in autocommit; Transient where the database does not answer."""
        with connect(self.database) as connection, database_failures():
            yield connection

    def rules(self, connection: Connection) -> AppliedRules:
        """The rules in force."""
        return self.rules_store().current(connection)

    def rules_store(self) -> RulesStore:
        """Reads the rules in force."""
        return RulesStore(self.default_collection)

    def check_collection(self, name: str | None, *, is_ours: bool = False) -> None:
        """Raise UnknownCollection for a name that neither the rules in force nor the catalog have.

        `is_ours`: for one that somebody else keeps, too.
        """
        if name is None:
            return
        with self.connection() as connection:
            rules = self.rules(connection).rules
            known = {each.id for each in rules.collections} | collection_ids(connection)
            chosen = our_collections(connection, rules) if is_ours else sorted(known)
        if name not in known:
            raise UnknownCollection(f"there is no collection {name!r}; there are {', '.join(chosen)}")
        if name not in chosen:
            raise UnknownCollection(
                f"eventstac keeps no Items of the collection {name!r}: no rule puts blobs into it, and what is in it "
                f"is left to who wrote it. It keeps those of {', '.join(chosen)}"
            )

    def storage(self) -> BlobStorage:
        """The blobs."""
        return BlobStorage(open_blob_service(self.values, is_watched=True))

    def watched(self, storage: BlobStorage) -> Watched:
        """The declared containers."""
        return Watched(storage.account_url, self.names)

    def blob_url(self, storage: BlobStorage, blob: str) -> str:
        """The canonical URL of a blob that is named by a URL in any spelling, or as CONTAINER/PATH in our account."""
        return blob_url(blob, storage.account_url)

    def rules_url(self, storage: BlobStorage) -> str:
        """Where the rules file lies."""
        container = self.values.get("CONFIG_CONTAINER") or "config"
        name = self.values.get("RULES_BLOB") or "collections.yaml"
        return BlobName(storage.account_url, container, name).url

    @contextmanager
    def consumer(self) -> Iterator[Consumer]:
        """Sends events as the operator."""
        bus = ServiceBus(open_client(self.values))
        try:
            with self.telemetry() as telemetry:
                yield Consumer(APP, bus, telemetry=telemetry)
        finally:
            bus.close()

    @contextmanager
    def telemetry(self) -> Iterator[Telemetry]:
        """Who is told what the operator does, if anybody."""
        telemetry = open_telemetry(
            APP, self.values, lambda why: say(f"no telemetry of this: {why}", err=True)
        )
        try:
            yield telemetry
        finally:
            telemetry.close()


def by_our_names(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, in which what only has a name that SDK users know has ours as well."""
    values = dict(environment)
    for name, alias in _ALIASES.items():
        if not values.get(name) and values.get(alias):
            values[name] = values[alias]
    return values


def storage_if_any(environment: Mapping[str, str]) -> BlobStorage | None:
    """The blobs, where the environment says of which account."""
    values = by_our_names(environment)
    if not Environment(values).has_connection(*_STORAGE):
        return None
    return BlobStorage(open_blob_service(values, is_watched=True))


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def run_id(kind: str) -> str:
    """A name for a run that sorts by time and that no two runs share."""
    return f"{kind}-{now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def print_json(document: Any) -> None:
    """Print a document for programs."""
    typer.echo(json.dumps(document, ensure_ascii=False, default=str))
