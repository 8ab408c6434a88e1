"""What composing the facts of an Item gave: the Item, or why there is none."""

from dataclasses import dataclass
from typing import Any, Literal

ItemState = Literal["published", "incomplete", "rejected", "empty"]


@dataclass(frozen=True)
class Composition:
    """An Item, or why there is none.

    "incomplete" has `missing` asset keys, "rejected" a `reason` and `detail`, "empty" has no source left, or a builder
    that wants none.
    `conflicts` are the URLs that claim an asset key which another URL already has; `outdated` are the URLs of COGs
    that were made from another content of their source. `urls` are the blobs that the Item shows.
    """

    state: ItemState
    item: dict[str, Any] | None = None
    missing: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    conflicts: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
