"""How the parts of one stack are addressed: URLs, connection strings, and the file to source."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.azurite.server import ACCOUNT, connection_string
from infra.local.stack.keys import APPS, Keys

DATABASE = "eventstac"
PORT_NAMES = (
    "postgres",
    "azurite",
    "blobs",
    "blobs_admin",
    "servicebus",
    "servicebus_status",
    "eventgrid",
    *APPS,
)


@dataclass(frozen=True)
class Endpoints:
    """The addresses that follow from the ports and keys of one stack."""

    ports: Mapping[str, int]
    keys: Keys
    telemetry: Path

    @property
    def storage(self) -> str:
        """Blob storage, through the proxy that emits events."""
        return connection_string(f"http://127.0.0.1:{self.ports['blobs']}/{ACCOUNT}")

    @property
    def azurite(self) -> str:
        """Azurite itself, behind the proxy."""
        return f"http://127.0.0.1:{self.ports['azurite']}"

    @property
    def servicebus(self) -> str:
        """Service Bus, in the form of the official emulator."""
        return (
            f"Endpoint=sb://localhost:{self.ports['servicebus']};SharedAccessKeyName=RootManageSharedAccessKey;"
            f"SharedAccessKey={self.keys.servicebus};UseDevelopmentEmulator=true"
        )

    def eventgrid(self, path: str) -> str:
        """A URL of Event Grid."""
        return f"http://127.0.0.1:{self.ports['eventgrid']}/{path}"

    @property
    def stac_api(self) -> str:
        """The catalog's root."""
        return f"http://127.0.0.1:{self.ports['stac_api']}"

    def postgres(self, role: str) -> dict[str, str]:
        """How a role of ours connects to the catalog."""
        password = self.keys.setup_password if role == "eventstac_setup" else self.keys.role_passwords[role]
        return {
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": str(self.ports["postgres"]),
            "POSTGRES_DB": DATABASE,
            "POSTGRES_USER": role,
            "POSTGRES_PASS": password,
        }

    def app_settings(self, app: str) -> dict[str, str]:
        """The application settings of a function app: the names that it has on Azure."""
        return {
            "TELEMETRY_FOLDER": str(self.telemetry),
            "ServiceBus": self.servicebus,
            "BlobStorage": self.storage,
            "CatalogEvents__topicEndpoint": self.eventgrid("catalog-events/api/events"),
            "CatalogEvents__topicKey": self.keys.eventgrid,
            **self.postgres(f"eventstac_{app}"),
            "PGSTAC_SCHEMA": "pgstac",
            "SOURCE_CONTAINERS": "source",
            "COG_CONTAINERS": "cogs",
            "THUMBNAILS_CONTAINER": "thumbnails",
            "CLAIMS_CONTAINER": "claims",
            "CONFIG_CONTAINER": "config",
            "RULES_BLOB": "collections.yaml",
            "SKEW_WINDOW_S": "1",  # one machine has one clock
            "STAC_API_VERSION": "1.0.0",
            "STAC_CATALOG_ID": "eventstac",
            "STAC_CATALOG_TITLE": "eventstac on this machine",
            "STAC_DEFAULT_COLLECTION": "bronze-tier",
        }

    def environment(self) -> dict[str, str]:
        """What `.local/env` says: for SDKs by the names they know, and for the `eventstac` command."""
        return {
            **self.app_settings("operator"),
            "AZURE_STORAGE_CONNECTION_STRING": self.storage,
            "SERVICEBUS_CONNECTION_STRING": self.servicebus,
            "EVENTGRID_TOPIC_ENDPOINT": self.eventgrid("cog-events/api/events"),
            "EVENTGRID_TOPIC_KEY": self.keys.eventgrid,
            "STAC_API_URL": self.stac_api,
            "SOURCE_CONTAINER": "source",
            "COG_CONTAINER": "cogs",
        }


def as_shell(environment: Mapping[str, str]) -> str:
    """A file to source."""
    lines = [
        f"export {name}={shlex.quote(value)}"
        for name, value in sorted(environment.items())
        if name.isidentifier()
    ]
    return "# Written by `make up`; to use it:  . .local/env\n" + "\n".join(lines) + "\n"
