"""Checks what a rule takes from a sidecar file."""

from collections.abc import Mapping
from typing import Any

from eventstac.rules.checks.date_checks import COMPUTED, check_format
from eventstac.rules.document import Document, Path
from eventstac.rules.sidecar import TIMES, check_path


def check_sidecar(document: Document, path: Path, spec: Mapping[str, Any]) -> None:
    """Note paths and formats that cannot be read, and properties that have another place."""
    namespaces = spec.get("namespaces", {})
    written: list[tuple[Path, Any]] = [
        (("properties", name), how) for name, how in spec.get("properties", {}).items()
    ]
    written += [((name,), spec[name]) for name in TIMES if name in spec]
    for steps, how in written:
        paths = how["path"] if isinstance(how, Mapping) else how
        for each in [paths] if isinstance(paths, str) else paths:
            problem = check_path(each, spec["format"], namespaces)
            if problem is not None:
                kind = "JSONPath" if spec["format"] == "json" else "XPath"
                what = f"{each!r} is no {kind} expression: {problem}"
                document.mistake((*path, *steps), what, _EXPRESSIONS[kind])
        if isinstance(how, Mapping) and "format" in how:
            check_format(document, (*path, *steps), how["format"])
    for name in spec.get("properties", {}):
        if name in COMPUTED:
            what = f"`{name}` is not a property to set"
            document.mistake((*path, "properties", name), what, _instead(name))
    if "datetime" in spec and "start" in spec:
        then = "the Item has a start and an end then" if "end" in spec else "that is the Item's datetime then"
        what = f"`datetime` of a sidecar is not taken where it has the `start`: {then}"
        document.warn((*path, "datetime"), what, "Keep one of the two, unless files may lack the start")
    if "end" in spec and "start" not in spec and "datetime" not in spec:
        document.mistake((*path, "end"), "A sidecar with only an end gives no datetime", "Add `start:`")


def _instead(name: str) -> str:
    key = {full: key for key, full in TIMES.items()}.get(name)
    return f"Write `{key}:` beside `properties:`" if key else "Leave it out: it is what the storage says"


_EXPRESSIONS = {
    "JSONPath": "Write e.g. $.LANDSAT_METADATA_FILE.IMAGE_ATTRIBUTES.CLOUD_COVER",
    "XPath": "Write e.g. //n1:General_Info/CLOUD_COVER, with n1 under `namespaces:`",
}
