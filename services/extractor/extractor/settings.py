"""What the extractor needs to know at its start."""

from collections.abc import Mapping
from dataclasses import dataclass

from eventstac.containers import ContainerNames
from eventstac.settings import Environment


@dataclass(frozen=True)
class Settings:
    """The extractor's settings."""

    containers: ContainerNames


def read(values: Mapping[str, str]) -> Settings:
    """Read the environment; SettingsMissing lists everything that is missing."""
    env = Environment(values)
    for connection, uri in (("ServiceBus", "fullyQualifiedNamespace"), ("BlobStorage", "blobServiceUri")):
        if not env.has(connection):
            env.text(f"{connection}__{uri}")
    settings = Settings(containers=ContainerNames.read(env))
    env.check("extractor")
    return settings
