"""What of the storage a command is about, as people name it: CONTAINER or CONTAINER/PREFIX."""

import typer

from eventstac.blob_urls import with_slashes


def container_and_prefix(named: str, prefix: str = "") -> tuple[str, str]:
    """The container, and what its blobs' paths begin with; BadParameter for what names no container."""
    container, _, below = with_slashes(named).partition("/")
    if not container or "://" in named:
        raise typer.BadParameter(f"{named!r} names no container: write CONTAINER or CONTAINER/PREFIX")
    if below and prefix:
        raise typer.BadParameter(
            f"{named!r} has a prefix already: write {container}/{below} or {container} --prefix {prefix}"
        )
    return container.lower(), below or with_slashes(prefix)
