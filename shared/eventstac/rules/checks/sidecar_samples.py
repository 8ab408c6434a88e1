"""Says what the properties that a sidecar gives may be, as far as its rule tells without the file."""

from collections.abc import Iterator, Mapping
from typing import Any

from eventstac.rules.document import Document, Path
from eventstac.rules.sidecar import gives_text
from eventstac.rules.sidecar_values import SCALING, Spec, made_of

Sample = tuple[
    str, Path, Any, str
]  # a property, its place in the rules file, a value, and of which kind it is

ANYTHING = "any value"  # the kind of those of which the rule does not say what they are
_OF_TYPE: Mapping[str, tuple[str, Any]] = {
    "string": ("text", "text"),
    "number": ("a number", 1.0),
    "integer": ("a whole number", 1),
    "boolean": ("true or false", True),
}


def sidecar_samples(document: Document, path: Path, sidecar: Spec) -> Iterator[Sample]:
    """Each value of a lookup (of no kind), and one value for all that are of a kind.

    Values of a lookup that are none of the type, or no numbers to multiply, are noted as mistakes.
    """
    for name, how in sidecar.get("properties", {}).items():
        spec: Spec = {"path": how} if isinstance(how, str) else how
        where = (*path, "properties", name)
        if "lookup" not in spec:
            kind, value = _kind(spec, sidecar)
            yield name, where, value, kind
        for key, value in spec.get("lookup", {}).items():
            at = (*where, "lookup", key)
            try:
                if value is not None:
                    yield name, at, made_of(value, spec), ""
            except (ValueError, TypeError, OverflowError) as error:
                what = f"The lookup of `{name}` has {value!r}, with which the sidecar is rejected: {error}"
                wants = " and ".join(f"`{each}:`" for each in ("type", *SCALING) if each in spec)
                document.mistake(at, what, f"Write a value that goes with {wants}")


def _kind(spec: Spec, sidecar: Spec) -> tuple[str, Any]:
    if not spec.keys().isdisjoint(SCALING):
        return _OF_TYPE["number"]
    if "type" in spec:
        return _OF_TYPE[spec["type"]]
    is_text = sidecar["format"] == "xml" and gives_text(spec["path"], sidecar.get("namespaces", {}))
    return _OF_TYPE["string"] if is_text else (ANYTHING, "text")
