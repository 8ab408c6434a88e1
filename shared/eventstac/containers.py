"""Which containers are watched: an event about any other blob is refused before anything is fetched."""

from dataclasses import dataclass

from eventstac.blob_urls import BlobName, parse
from eventstac.errors import Rejected
from eventstac.settings import Environment


@dataclass(frozen=True)
class ContainerNames:
    """The declared containers, by what they hold."""

    source: tuple[str, ...]
    cogs: tuple[str, ...]
    thumbnails: str

    @classmethod
    def read(cls, env: Environment) -> "ContainerNames":
        """Read SOURCE_CONTAINERS, COG_CONTAINERS and THUMBNAILS_CONTAINER."""
        names = cls(
            env.names("SOURCE_CONTAINERS"),
            env.names("COG_CONTAINERS", "cogs"),
            env.text("THUMBNAILS_CONTAINER", "thumbnails"),
        )
        if names.thumbnails in (*names.source, *names.cogs):
            env.wrong(
                f"THUMBNAILS_CONTAINER {names.thumbnails!r} is watched too: thumbnails would become Items"
            )
        return names


@dataclass(frozen=True)
class Watched:
    """The declared containers of one account."""

    account_url: str
    names: ContainerNames

    def source(self, url: str) -> BlobName:
        """The blob's name; Rejected `undeclared-container` unless a source container holds it."""
        return self._in(url, self.names.source, "SOURCE_CONTAINERS")

    def any(self, url: str) -> BlobName:
        """The blob's name; Rejected `undeclared-container` unless a source or COG container holds it."""
        return self._in(url, (*self.names.source, *self.names.cogs), "SOURCE_CONTAINERS or COG_CONTAINERS")

    def container_url(self, container: str) -> str:
        """The URL of a container; Rejected `undeclared-container` unless it is watched."""
        if container not in (*self.names.source, *self.names.cogs):
            raise Rejected(
                "undeclared-container",
                f"container {container!r} is not watched: SOURCE_CONTAINERS has {', '.join(self.names.source)}, "
                f"COG_CONTAINERS {', '.join(self.names.cogs)}. Add it to one of them if it is to be watched",
            )
        return f"{self.account_url}/{container}"

    def is_source(self, name: BlobName) -> bool:
        """Whether blobs of this container become Items by rule."""
        return name.container in self.names.source

    def thumbnail_url(self, name: str) -> str:
        """The URL of a thumbnail."""
        return BlobName(self.account_url, self.names.thumbnails, name).url

    def _in(self, url: str, containers: tuple[str, ...], setting: str) -> BlobName:
        name = parse(url)
        if name.account_url != self.account_url:
            why = f"is in another account than {self.account_url} (BlobStorage), the only one that is watched"
        elif name.container not in containers:
            why = (
                f"is in container {name.container!r}, and {' and '.join(containers)} are watched. Add it to {setting}, "
                'of the apps too, if it is to be watched (docs/operate.md, "A new container")'
            )
        else:
            return name
        raise Rejected("undeclared-container", f"nothing was fetched: {url} {why}")
