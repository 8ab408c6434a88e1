"""What has to be in the database and the storage before the apps start."""

import json
import os
import subprocess
import sys
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, CorsRule, PublicAccess

from infra.local.postgres.cluster import Cluster
from infra.local.postgres.database import SETUP_ROLE, ensure_database, ensure_setup_role
from infra.local.stack.endpoints import DATABASE, Endpoints
from infra.local.stack.errors import StackError
from infra.local.stack.layout import ROOT, Layout

# Anybody may read the first ones, so that any client can open an href; the others are the apps' own.
_PUBLIC = ("source", "cogs", "thumbnails")
_PRIVATE = ("claims", "deadletter", "config")
# What pages of other origins (STAC Browser's map, geotiff.js) need to read a COG by ranges.
_FOR_PAGES = CorsRule(
    ["*"],
    ["GET", "HEAD"],
    allowed_headers=["*"],
    exposed_headers=["accept-ranges", "content-length", "content-range", "etag", "last-modified"],
    max_age_in_seconds=3_600,
)


def database(layout: Layout, endpoints: Endpoints, cluster: Cluster) -> None:
    """The database with its extensions, then `eventstac setup` as a role that is no superuser."""
    ensure_setup_role(cluster.superuser_dsn, endpoints.keys.setup_password)
    ensure_database(cluster.superuser_dsn, DATABASE)
    eventstac = Path(sys.executable).with_name("eventstac")
    environment = {
        **os.environ,
        **endpoints.app_settings("operator"),
        **endpoints.postgres(SETUP_ROLE),
        "EVENTSTAC_ROLE_PASSWORDS": json.dumps(dict(endpoints.keys.role_passwords)),
    }
    log = layout.log("setup")
    with log.open("wb") as output:
        command = [str(eventstac), "setup", "--collections", str(ROOT / "collections.yaml")]
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode != 0:
        end = "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-20:])
        raise StackError(f"`eventstac setup` failed; {log} ends:\n{end}")


def containers(endpoints: Endpoints) -> None:
    """The containers; those that are there stay as they are."""
    with BlobServiceClient.from_connection_string(endpoints.storage) as storage:
        for name in (*_PUBLIC, *_PRIVATE):
            access = PublicAccess.CONTAINER if name in _PUBLIC else None
            try:
                storage.create_container(name, public_access=access)
            except ResourceExistsError:
                continue


def cross_origin(connection_string: str) -> None:
    """Pages of any origin may read what anybody may read; rules that somebody made stay as they are."""
    with BlobServiceClient.from_connection_string(connection_string) as storage:
        if not storage.get_service_properties()["cors"]:
            storage.set_service_properties(cors=[_FOR_PAGES])
