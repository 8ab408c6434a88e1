"""The hook by which a rule finishes its Items in Python, where the rules file does not reach."""

import json
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

from eventstac.errors import Rejected
from eventstac.facts import Fact


class Builder(Protocol):
    """A function named by `builder: package.module:function`.

    It is called with the Item that was composed and the facts it was composed of, in URL order: copies of its own,
    which it may change. It returns the finished Item; None says that there is to be none. It must be pure: no
    clock, no randomness, no reading; the same facts give the same Item. The result is validated like any other. To
    refuse a set of facts it raises `eventstac.errors.Rejected` with a reason. It must not change `id` and `collection`,
    and the Item needs a geometry and a bbox of four numbers.
    """

    def __call__(self, item: dict[str, Any], facts: Sequence[Fact], /) -> dict[str, Any] | None:
        """The finished Item, or None for none."""


def find_builder(name: str) -> Builder:
    """The function of a `package.module:function`. Errors: Rejected `no-builder` where it is not to be found."""
    module_name, _, function = name.partition(":")
    try:
        found = getattr(import_module(module_name), function)
    except (ImportError, AttributeError) as error:
        raise Rejected(
            "no-builder",
            f"builder {name!r} cannot be found ({error}): install its package beside eventstac in every app",
        ) from error
    if not callable(found):
        raise Rejected("no-builder", f"builder {name!r} is no function")
    builder: Builder = found
    return builder


def run_builder(name: str, item: dict[str, Any], facts: Sequence[Fact]) -> dict[str, Any] | None:
    """The Item that the builder makes. Errors: Rejected, also `bad-builder` for what it may not do or return."""
    identity = (item["id"], item["collection"])
    try:
        built = find_builder(name)(item, facts)
        document = None if built is None else json.loads(_text(built))
    except Rejected:
        raise
    except (Exception, SystemExit) as error:
        raise Rejected("bad-builder", f"builder {name!r} failed: {type(error).__name__}: {error}") from error
    if document is None:
        return None
    wrong = _wrong(document)
    if wrong:
        advice = "It returns the finished Item, or None for none"
        raise Rejected("bad-builder", f"builder {name!r} returned {wrong}. {advice}")
    if (document.get("id"), document.get("collection")) != identity:
        raise Rejected("bad-builder", f"builder {name!r} changed the id or the collection of {identity}")
    return dict(document)


def _text(built: Any) -> str:
    """What a builder returned, as JSON. Errors: TypeError, ValueError for what is none, or cannot be stored."""
    text = json.dumps(built, allow_nan=False, ensure_ascii=False)
    text.encode()  # half of a pair of surrogates is no text
    if _NUL.search(text):
        raise ValueError("text with a NUL")
    return text


def _wrong(document: Any) -> str | None:
    """What keeps a document from being taken for an Item, whether it is valid or not."""
    if not isinstance(document, dict):
        return f"{_KINDS.get(type(document), 'a number')}, no Item"
    for name, kind in _MEMBERS.items():
        if not isinstance(document.get(name), kind):
            return f"an Item whose `{name}` is not {_KINDS[kind]}"
    for key, asset in document["assets"].items():
        bands = asset.get("bands", []) if isinstance(asset, dict) else None
        if not (isinstance(bands, list) and all(isinstance(band, dict) for band in bands)):
            return f"an Item whose asset {key!r} is no mapping, or has `bands` that are no list of mappings"
    box = document["bbox"]
    if len(box) != _CORNERS or not all(isinstance(each, int | float) for each in box):
        return "an Item whose `bbox` is not four numbers"
    return None


_KINDS = {dict: "a mapping", list: "a list", str: "text", bool: "true or false"}
_MEMBERS = {"properties": dict, "assets": dict, "geometry": dict, "links": list, "bbox": list}
_CORNERS = 4
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
