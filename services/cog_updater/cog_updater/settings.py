"""What the cog_updater needs to know at its start."""

from collections.abc import Mapping
from dataclasses import dataclass

from eventstac.catalog.database import DatabaseSettings
from eventstac.containers import ContainerNames
from eventstac.raster.memory import decoder_memory_bytes
from eventstac.retrying import RetryPolicy
from eventstac.rules.default_collection import read_default_collection
from eventstac.settings import Environment


@dataclass(frozen=True)
class Settings:
    """The cog_updater's settings; `skew_window_s` covers the whole seconds and clocks of the storage's front ends."""

    database: DatabaseSettings
    containers: ContainerNames
    default_collection: str
    skew_window_s: float
    retry: RetryPolicy
    decoder_memory_bytes: int | None


def read(values: Mapping[str, str]) -> Settings:
    """Read the environment; SettingsMissing lists everything that is missing."""
    env = Environment(values)
    env.connection("ServiceBus", "fullyQualifiedNamespace")
    env.connection("BlobStorage", "blobServiceUri")
    settings = Settings(
        database=DatabaseSettings.read(env),
        containers=ContainerNames.read(env),
        default_collection=read_default_collection(env),
        skew_window_s=env.seconds("SKEW_WINDOW_S", 5.0),
        retry=RetryPolicy.read(env),
        decoder_memory_bytes=decoder_memory_bytes(env),
    )
    env.check("cog_updater")
    return settings
