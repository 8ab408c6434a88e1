"""What the loader needs to know at its start."""

from collections.abc import Mapping
from dataclasses import dataclass

from eventstac.catalog.database import DatabaseSettings
from eventstac.retrying import RetryPolicy
from eventstac.rules.default_collection import read_default_collection
from eventstac.settings import Environment, state_connection


@dataclass(frozen=True)
class Settings:
    """The loader's settings.

    `skew_window_s` covers the whole seconds and clocks of the storage's front ends. `claims_container` is where events
    lie that were too large for the bus, `deadletter_container` where Event Grid writes what it cannot deliver, both in
    the account of `state_connection`. `config_container` and `rules_blob` are where the rules file lies.
    `housekeeping_schedule` is six fields (seconds first), in UTC.
    """

    database: DatabaseSettings
    default_collection: str
    skew_window_s: float
    state_connection: str
    deadletter_container: str
    claims_container: str
    config_container: str
    rules_blob: str
    housekeeping_schedule: str
    retry: RetryPolicy


def read(values: Mapping[str, str]) -> Settings:
    """Read the environment; SettingsMissing lists everything that is missing."""
    env = Environment(values)
    env.connection("ServiceBus", "fullyQualifiedNamespace")
    env.connection("BlobStorage", "blobServiceUri")
    env.text("CatalogEvents__topicEndpoint")
    settings = Settings(
        database=DatabaseSettings.read(env),
        default_collection=read_default_collection(env),
        skew_window_s=env.seconds("SKEW_WINDOW_S", 5.0),
        claims_container=env.text("CLAIMS_CONTAINER", "claims"),
        config_container=env.text("CONFIG_CONTAINER", "config"),
        rules_blob=env.text("RULES_BLOB", "collections.yaml"),
        deadletter_container=env.text("DEADLETTER_CONTAINER", "deadletter"),
        state_connection=state_connection(env),
        housekeeping_schedule=env.text("HOUSEKEEPING_SCHEDULE", "0 0 5 * * *"),
        retry=RetryPolicy.read(env),
    )
    env.check("loader")
    return settings
