"""What the extractor needs to know at its start."""

from collections.abc import Mapping
from dataclasses import dataclass

from eventstac.containers import ContainerNames
from eventstac.raster.memory import decoder_memory_bytes
from eventstac.retrying import RetryPolicy
from eventstac.settings import Environment, state_connection


@dataclass(frozen=True)
class Settings:
    """The extractor's settings.

    Events that are too large for the bus go into `claims_container` of the account of `state_connection`.
    """

    containers: ContainerNames
    claims_container: str
    state_connection: str
    retry: RetryPolicy
    decoder_memory_bytes: int | None


def read(values: Mapping[str, str]) -> Settings:
    """Read the environment; SettingsMissing lists everything that is missing."""
    env = Environment(values)
    env.connection("ServiceBus", "fullyQualifiedNamespace")
    env.connection("BlobStorage", "blobServiceUri")
    settings = Settings(
        containers=ContainerNames.read(env),
        claims_container=env.text("CLAIMS_CONTAINER", "claims"),
        state_connection=state_connection(env),
        retry=RetryPolicy.read(env),
        decoder_memory_bytes=decoder_memory_bytes(env),
    )
    env.check("extractor")
    return settings
