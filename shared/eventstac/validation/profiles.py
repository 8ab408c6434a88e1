"""The profiles in `contracts/profiles`: what we accept of each extension's fields, and which extensions are used."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

from eventstac.contracts import contract_path, read_contract
from eventstac.validation.problems import Problem
from eventstac.validation.schemas import Validator, compile_2020, schema_problems

_EXTENSIONS = "checks/extensions"
_VERSIONED = re.compile(r"(.+)/v\d+\.\d+\.\d+(?:-[\w.-]+)?/schema\.json", re.ASCII)


@dataclass(frozen=True)
class Profile:
    """One profile: its file, the address that `stac_extensions` lists and the prefix of its fields ("" for the
    common metadata, and for the style of what is `published` here, which have neither)."""

    name: str
    url: str
    prefix: str
    published: bool
    validator: Validator

    def is_in_other_version(self, declared: Set[str]) -> bool:
        """Whether its extension is listed, but not in the version that is checked."""
        return (
            bool(self.url) and self.url not in declared and _extension(self.url) in map(_extension, declared)
        )


@cache
def profiles() -> tuple[Profile, ...]:
    """All profiles, by name."""
    return tuple(_load(path.name) for path in sorted(contract_path("profiles").glob("*.json")))


def profile_urls() -> list[str]:
    """The addresses, with their versions, of the extensions whose fields are checked."""
    return [profile.url for profile in profiles() if profile.url]


def prefixes_in_other_versions(document: Mapping[str, Any]) -> frozenset[str]:
    """The prefixes of extensions that we check, where the document lists another version of them alone."""
    declared = _declared(document)
    return frozenset(profile.prefix for profile in profiles() if profile.is_in_other_version(declared))


def profile_problems(
    document: dict[str, Any], passed_over: Container[str] = (), *, published: bool = True
) -> Iterator[Problem]:
    """What the profiles say of an Item or Collection, and of what it lists as its extensions.

    A profile is asked where its extension is listed or its fields are there, unless its prefix is `passed_over`; that
    of our style where the document is to be `published` here.
    """
    declared = _declared(document)
    used = prefixes_of(document)
    for profile in profiles():
        if profile.prefix in passed_over or (profile.published and not published):
            continue
        if not profile.prefix or profile.prefix in used or profile.url in declared:
            yield from schema_problems(profile.validator, document, f"profiles/{profile.name}")
        if profile.prefix and profile.prefix in used and profile.url not in declared:
            message = f"fields with the prefix {profile.prefix}: are used, so {profile.url} must be listed"
            yield Problem("stac_extensions", message, _EXTENSIONS)
        if profile.prefix and profile.url in declared and profile.prefix not in used:
            message = f"{profile.url} is listed, but no field has the prefix {profile.prefix}:"
            yield Problem("stac_extensions", message, _EXTENSIONS)


def unchecked_extensions(document: Mapping[str, Any]) -> list[str]:
    """The listed extensions for which there is no profile: their fields are in nobody's eyes."""
    checked = {profile.url for profile in profiles()}
    return sorted(_declared(document) - checked)


def prefixes_of(document: Mapping[str, Any]) -> set[str]:
    """The prefixes of all extension fields in an Item's or Collection's properties, assets, bands and links."""
    return {name.partition(":")[0] for holder in _holders(document) for name in holder if ":" in name}


def _extension(url: str) -> str | None:
    """An extension's address without its version; None for what is no address of an extension, as a slip of it."""
    match = _VERSIONED.fullmatch(url)
    return match[1] if match else None


def _declared(document: Mapping[str, Any]) -> set[str]:
    return {url for url in _items(document.get("stac_extensions")) if isinstance(url, str)}


def _holders(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every object whose keys are field names."""
    collection = document.get("type") == "Collection"
    own: list[Any] = [document] if collection else []
    own += [document.get("properties"), document.get("summaries")]
    for name in ("assets", "item_assets"):
        group = document.get(name)
        own += group.values() if isinstance(group, Mapping) else ()
    own += _items(document.get("links"))
    for holder in own:
        if isinstance(holder, Mapping):
            yield holder
            yield from (band for band in _items(holder.get("bands")) if isinstance(band, Mapping))


def _items(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()


def _load(name: str) -> Profile:
    document = read_contract(f"profiles/{name}")

    def retrieve(uri: str) -> dict[str, Any]:
        raise LookupError(f"profile {name} refers to {uri}, but a profile stands alone")

    return Profile(
        name,
        document.get("x-extension", ""),
        document.get("x-prefix", ""),
        document.get("x-published", False),
        compile_2020(document, retrieve),
    )
