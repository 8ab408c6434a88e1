"""The hook by which a rule finishes its Items in Python, where the rules file does not reach."""

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
    refuse a set of facts it raises `eventstac.errors.Rejected` with a reason. It must not change `id` and `collection`.
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
    """The Item that the builder makes. Errors: Rejected, also `bad-builder` for what it may not do."""
    identity = (item["id"], item["collection"])
    try:
        built = find_builder(name)(item, facts)
    except Rejected:
        raise
    except Exception as error:
        raise Rejected("bad-builder", f"builder {name!r} failed: {type(error).__name__}: {error}") from error
    if built is not None and (built.get("id"), built.get("collection")) != identity:
        raise Rejected("bad-builder", f"builder {name!r} changed the id or the collection of {identity}")
    return built
