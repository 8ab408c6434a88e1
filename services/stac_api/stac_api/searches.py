"""A search as a client asks for it, read from a query string or a body."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import orjson
import xxhash

from stac_api import fields, filters, free_text, sorting
from stac_api.errors import BadRequest
from stac_api.expressions import Cql2
from stac_api.fields import Fields
from stac_api.geometries import Box, box_from_json, box_from_text, geometry_from_json
from stac_api.intervals import Interval
from stac_api.intervals import parse as parse_interval
from stac_api.settings import Settings
from stac_api.sorting import SortKey

Json = dict[str, Any]

_MAX_NAMES = 10_000  # ids or collections of one search
_MOST_DIGITS = 9  # of what counts Items or Collections: whoever asks for more asks for all
# In a query string a plus is a blank: before an offset it can have been nothing else.
_LOST_PLUS = re.compile(r"(:\d\d(?:\.\d+)?) (?=\d\d:\d\d(?:/|\Z))", re.ASCII)
_NEWEST_FIRST = [str(key) for key in sorting.DEFAULT]
_LANGUAGES = ("cql2-text", "cql2-json", "cql-json")  # the last is what older clients of pgstac say
_SHOWN = 100  # characters of what is no language
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


@dataclass(frozen=True)
class Search:
    """What to look for; None and empty mean that it was not asked for (an empty list of ids too).

    `words` are free-text phrases in quotes, any of which may match; `condition` is CQL2 JSON in
    pgstac's dialect, which `condition_of` names the parameters of.
    """

    limit: int
    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    box: Box | None = None
    geometry: Json | None = None
    interval: Interval | None = None
    condition: Cql2 | None = None
    condition_of: str = "filter"
    words: tuple[str, ...] = ()
    sort: tuple[SortKey, ...] = ()
    fields: Fields | None = None
    token: str | None = None

    @cached_property
    def area(self) -> str | None:
        """The searched area as GeoJSON text, whichever parameter named it."""
        area = self.box.geojson() if self.box else self.geometry
        return None if area is None else orjson.dumps(area).decode()

    @cached_property
    def geometry_size(self) -> int:
        """Characters of the geometry that is no box, and of those in the filter, as GeoJSON."""
        within = sum(len(orjson.dumps(each)) for each in filters.geometries_in(self.condition))
        return within + (0 if self.geometry is None else len(self.area or ""))

    @cached_property
    def question(self) -> str:
        """A short hash of what is looked for and in which order, however it was spelled; not of how it is shown."""
        asked = [
            self.collections and sorted(self.collections),
            self.ids and sorted(self.ids),
            self.geometry,
            self.condition,
            self.words,
            [str(key) for key in self.sort] if self.sort else _NEWEST_FIRST,
            *(end and str(end) for end in self.interval or ()),
            *(self.box or ()),
        ]
        # clients may write 10 for 10.0 and 0 for -0.0, and sort the members of an object, when they send a body again
        text = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS).replace(b".0,", b",").replace(b".0]", b"]")
        return xxhash.xxh32_hexdigest(text.replace(b"-0,", b"0,").replace(b"-0]", b"0]"))

    @property
    def suspect(self) -> str | None:
        """The parameter to name when the database refuses the search: the one that it can judge and we cannot."""
        suspects = {
            self.condition_of: self.condition,
            "intersects": self.geometry,
            "sortby": self.sort,
            "q": self.words,
        }
        return next((name for name, value in suspects.items() if value), None)


@dataclass
class _Draft:
    """The parts of a search while they are read."""

    settings: Settings
    conditions: dict[str, Cql2] = field(default_factory=dict)  # by their parameters
    parts: Json = field(default_factory=dict)

    def search(self, default_limit: int) -> Search:
        if "box" in self.parts and "geometry" in self.parts:
            raise BadRequest("bbox", "give either bbox or intersects, not both")
        self.parts.setdefault("limit", default_limit)
        if self.conditions:
            names = " or ".join(sorted(self.conditions))
            condition = filters.all_of([*self.conditions.values()], names)
            self.parts |= {"condition": condition, "condition_of": names}
        return Search(**self.parts)


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A query string's parameters, each once: lists that are given in several are one, of others the last counts."""
    params: dict[str, str] = {}
    for name, value in pairs:
        params[name] = (
            f"{params[name]},{value}" if name in params and name in ("ids", "collections") else value
        )
    return params


def from_query(
    pairs: Iterable[tuple[str, str]], settings: Settings, default_limit: int | None = None
) -> Search:
    """Read a query string's decoded pairs. Raises BadRequest naming the parameter; unknown ones are ignored."""
    params = joined(pairs)
    for name, value in params.items():
        if "\0" in value and name in _READ:
            raise BadRequest(name, "a null character")
    draft = _Draft(settings)
    for name, read in _FROM_TEXT.items():
        if name in params and (params[name] or name == "fields"):
            read(draft, params[name])
    _check_filter(params)
    if text := params.get("filter"):
        draft.conditions["filter"] = _filter_from_text(text, params, settings)
    return draft.search(default_limit or settings.default_limit)


def from_body(body: object, settings: Settings) -> Search:
    """Read a JSON body. Raises BadRequest naming the member; unknown ones are ignored."""
    if not isinstance(body, dict):
        raise BadRequest("body", "expected a JSON object")
    draft = _Draft(settings)
    for name, read in _FROM_JSON.items():
        # of `fields` stac-api-validator asks that null is refused
        if name in body and (body[name] is not None or name == "fields"):
            read(draft, body[name])
    _check_filter(body)
    if (value := body.get("filter")) is not None:
        if body.get("filter-lang") != "cql2-text":
            draft.conditions["filter"] = filters.from_json(value, settings.max_filter_depth)
        elif isinstance(value, str):
            draft.conditions["filter"] = filters.from_text(value, settings.max_filter_depth)
        else:
            raise BadRequest("filter-lang", "expected cql2-json, or cql2-text with a text as filter")
    return draft.search(settings.default_limit)


def within(search: Search, collection: str) -> Search:
    """The same search in one collection."""
    return replace(search, collections=(collection,))


def _filter_from_text(text: str, params: Mapping[str, str], settings: Settings) -> Cql2:
    # The extension's default for GET is cql2-text, yet clients send JSON without saying so.
    language = params.get("filter-lang") or ("cql2-json" if text.lstrip().startswith("{") else "cql2-text")
    if language == "cql2-text":
        return filters.from_text(text, settings.max_filter_depth)
    return filters.from_json_text(text, settings.max_filter_depth)


def _check_filter(params: Mapping[str, Any]) -> None:
    """What is said about a filter, be there one or not (OGC API Features 1.0, requirement 9)."""
    language = params.get("filter-lang")
    if language and language not in _LANGUAGES:
        raise BadRequest("filter-lang", f"{str(language)[:_SHOWN]!r} is neither cql2-text nor cql2-json")
    if (params.get("filter-crs") or CRS84) != CRS84:
        raise BadRequest("filter-crs", f"only {CRS84} is supported")


def _limit(draft: _Draft, value: object) -> None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = number_of(value)
    if isinstance(value, float) and value.is_integer():  # JSON has no other numbers than these
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadRequest("limit", f"{value!r} is no whole number above zero")
    draft.parts["limit"] = min(value, draft.settings.max_limit)


def number_of(digits: str) -> int:
    """The number that ASCII digits write, or a large one for one that is larger still."""
    return int(digits.lstrip("0")[:_MOST_DIGITS] or 0)


def _names(parameter: str) -> Callable[[_Draft, object], None]:
    def read(draft: _Draft, value: object) -> None:
        names = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(
            isinstance(name, str) and "\0" not in name for name in names
        ):
            raise BadRequest(parameter, "expected a list of texts")
        if len(names) > _MAX_NAMES:
            raise BadRequest(parameter, f"{len(names)} entries, at most {_MAX_NAMES}")
        if names:
            draft.parts[parameter] = tuple(names)

    return read


def _interval_from_text(text: str) -> Interval:
    return parse_interval(_LOST_PLUS.sub(r"\1+", text) if " " in text else text)


def _part(name: str, read: Callable[[Any], object]) -> Callable[[_Draft, object], None]:
    def keep(draft: _Draft, value: object) -> None:
        draft.parts[name] = read(value)

    return keep


def _geometry(draft: _Draft, value: object) -> None:
    if isinstance(value, str):
        value = filters.json_from_text("intersects", value)
    draft.parts["geometry"] = geometry_from_json(value, draft.settings.max_positions)


def _query(draft: _Draft, value: object) -> None:
    if isinstance(value, str):
        value = filters.json_from_text("query", value)
    if condition := filters.from_query(value):
        draft.conditions["query"] = condition


def _token(value: object) -> str:
    if not isinstance(value, str):
        raise BadRequest("token", "not a token of this API")
    return value


_FROM_TEXT: Mapping[str, Callable[[_Draft, Any], None]] = {
    "limit": _limit,
    "collections": _names("collections"),
    "ids": _names("ids"),
    "bbox": _part("box", box_from_text),
    "intersects": _geometry,
    "datetime": _part("interval", _interval_from_text),
    "query": _query,
    "q": _part("words", free_text.phrases),
    "sortby": _part("sort", sorting.from_text),
    "fields": _part("fields", fields.from_text),
    "token": _part("token", _token),
}
_READ = frozenset({*_FROM_TEXT, "filter", "filter-lang", "filter-crs"})
_FROM_JSON: Mapping[str, Callable[[_Draft, Any], None]] = {
    **_FROM_TEXT,
    "bbox": _part("box", box_from_json),
    "datetime": _part("interval", parse_interval),
    "sortby": _part("sort", sorting.from_json),
    "fields": _part("fields", fields.from_json),
}
