"""What the loader needs to know at its start."""

from collections.abc import Mapping
from dataclasses import dataclass

from eventstac.catalog.database import DatabaseSettings
from eventstac.settings import Environment


@dataclass(frozen=True)
class Settings:
    """The loader's settings; `skew_window_s` covers the whole seconds and clocks of the storage's front ends."""

    database: DatabaseSettings
    default_collection: str
    skew_window_s: float


def read(values: Mapping[str, str]) -> Settings:
    """Read the environment; SettingsMissing lists everything that is missing."""
    env = Environment(values)
    if not env.has("ServiceBus"):
        env.text("ServiceBus__fullyQualifiedNamespace")
    env.text("CatalogEvents__topicEndpoint")
    settings = Settings(
        database=DatabaseSettings.read(env),
        default_collection=env.text("STAC_DEFAULT_COLLECTION", "bronze-tier"),
        skew_window_s=env.seconds("SKEW_WINDOW_S", 5.0),
    )
    env.check("loader")
    return settings
