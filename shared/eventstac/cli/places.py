"""What of the storage a command is about, as people name it: a URL, CONTAINER/PATH, CONTAINER, CONTAINER/PREFIX."""

import typer

from eventstac.blob_urls import BlobName, canonical_url, with_slashes
from eventstac.errors import Rejected


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


def blob_url(named: str, account_url: str) -> str:
    """The canonical URL of a blob: named by a URL in any spelling, or as CONTAINER/PATH in the account."""
    if "://" in named:
        return canonical_url(named)
    container, _, path = with_slashes(named).partition("/")
    if not container or not path.strip("/"):
        raise Rejected("bad-url", f"{named!r} names no blob: write its URL, or CONTAINER/PATH")
    return canonical_url(BlobName(account_url, container, path).url)
