"""What the scanner needs to know at its start."""

from collections.abc import Mapping
from dataclasses import dataclass

from eventstac.catalog.database import DatabaseSettings
from eventstac.containers import ContainerNames
from eventstac.retrying import RetryPolicy
from eventstac.rules.default_collection import read_default_collection
from eventstac.settings import Environment

MOST_A_PAGE = 5_000  # Azure lists no more blobs at once


@dataclass(frozen=True)
class Settings:
    """The scanner's settings; `reconcile_schedule` is six fields (seconds first), in UTC."""

    database: DatabaseSettings
    containers: ContainerNames
    default_collection: str
    page_size: int
    reconcile_schedule: str
    retry: RetryPolicy


def read(values: Mapping[str, str]) -> Settings:
    """Read the environment; SettingsMissing lists everything that is missing."""
    env = Environment(values)
    env.connection("ServiceBus", "fullyQualifiedNamespace")
    env.connection("BlobStorage", "blobServiceUri")
    settings = Settings(
        database=DatabaseSettings.read(env),
        containers=ContainerNames.read(env),
        default_collection=read_default_collection(env),
        page_size=env.integer("SCAN_PAGE_SIZE", 500, least=1, most=MOST_A_PAGE),
        reconcile_schedule=env.text("RECONCILE_SCHEDULE", "0 0 3 * * *"),
        retry=RetryPolicy.read(env),
    )
    env.check("scanner")
    return settings
