"""What a rule makes of the named groups of a path: transforms, templates, dates."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eventstac.rules.characters import in_case
from eventstac.rules.dates import parse_date, parse_date_with_time, parse_parts
from eventstac.rules.durations import is_shorter, period_from
from eventstac.rules.spans import Interval

_FIELD = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}", re.ASCII)

_BRACE = re.compile(r"[{}]")


@dataclass(frozen=True)
class Template:
    """Text with {group}s in it; {{ and }} are braces."""

    text: str

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups that it takes."""
        return tuple(name for name in _FIELD.findall(self.text) if name)

    @property
    def stray(self) -> str:
        """A brace that opens or closes no group; empty where there is none."""
        return "".join(_BRACE.findall(_FIELD.sub("", self.text)))[:1]

    def fill(self, groups: Mapping[str, str]) -> str:
        """The text with the groups' values. Raises KeyError for a group that is not there."""
        return _FIELD.sub(lambda found: groups[found[1]] if found[1] else found[0][0], self.text)


def fill_all(value: Any, groups: Mapping[str, str]) -> Any:
    """A value with the groups in all of its texts, in lists and mappings too. Raises KeyError for a missing one."""
    if isinstance(value, str):
        return Template(value).fill(groups)
    if isinstance(value, Mapping):
        return {name: fill_all(inner, groups) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [fill_all(inner, groups) for inner in value]
    return value


def templates_in(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Template]]:
    """All texts in a value, as templates, with their paths in it."""
    if isinstance(value, str):
        yield path, Template(value)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from templates_in(inner, (*path, name))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from templates_in(inner, (*path, index))


@dataclass(frozen=True)
class GroupChange:
    """How one group is made: from a group or a template, in upper or lower case, through a table."""

    name: str
    source: Template
    transform: Literal["lower", "upper"] | None = None
    lookup: Mapping[str, str] | None = None
    default: str | None = None

    def apply(self, groups: Mapping[str, str]) -> str:
        """The new value. Raises LookupError, with a message for people, where there is none."""
        try:
            value = self.source.fill(groups)
        except KeyError as error:
            if self.default is not None:
                return self.default
            raise LookupError(f"the path gives no {error.args[0]!r}") from error
        if self.transform is not None:
            value = in_case(value, self.transform)
        if self.lookup is None:
            return value
        found = self.lookup.get(value, self.default)
        if found is None:
            raise LookupError(f"{value!r} is not in the lookup of {self.name!r}")
        return found


def change_groups(found: Mapping[str, str], changes: tuple[GroupChange, ...]) -> dict[str, str]:
    """The groups of a path with the changes applied in order. Raises LookupError."""
    groups = dict(found)
    for change in changes:
        groups[change.name] = change.apply(groups)
    return groups


# Those that say when by their names: any of these, the first first.
PATH_GROUPS = (("datetime",), ("date",), ("start", "end"), ("year",))


@dataclass(frozen=True)
class PathDate:
    """Which groups say when: `start` and `end` (the same group for one date), with an optional strptime format.

    With a `duration` (P8D, dekad) the date is only the beginning of a period.
    `value` is the same for every path: a date, or START/END. With neither, the groups `datetime`, `date`, `start` and
    `end`, or `year`, `month`, `day`, `doy` say it, and `hour`, `minute`, `second` beside a day.
    """

    start: str = ""
    end: str = ""
    format: str | None = None
    value: str | None = None
    duration: str | None = None

    @property
    def by_name(self) -> bool:
        """Whether the groups are those that say when by their names."""
        return not self.start and self.value is None

    @property
    def is_of_a_group(self) -> bool:
        """Whether it is one date, of one group."""
        return bool(self.start) and self.start == self.end

    def may_read(self, groups: Collection[str]) -> bool:
        """Whether these groups are enough to say when."""
        if self.start:
            return self.start in groups and self.end in groups
        return any(all(name in groups for name in names) for names in PATH_GROUPS)

    def read(self, groups: Mapping[str, str]) -> Interval | None:
        """The datetime that the groups give, None where they are not there. Raises ValueError for a bad one."""
        if self.value is not None:
            start, _, end = self.value.partition("/")
            return _interval(parse_date(start), parse_date(end or start))
        if not self.start:
            return _by_names(groups)
        if self.start not in groups or self.end not in groups:
            return None
        first = parse_date(groups[self.start], self.format)
        if self.duration is not None:
            return _lasting(groups[self.start], first, self.duration)
        last = parse_date(groups[self.end], self.format)
        return _interval(first, last)


def _by_names(groups: Mapping[str, str]) -> Interval | None:
    if "datetime" in groups:
        return parse_date(groups["datetime"])
    if "date" in groups:
        return parse_date_with_time(groups["date"], groups)
    if "start" in groups and "end" in groups:
        return _interval(parse_date(groups["start"]), parse_date(groups["end"]))
    return parse_parts(groups)


def _lasting(text: str, begins: Interval, duration: str) -> Interval:
    """The period of a duration that a text begins; one that is shorter than a text's month might be any part of it."""
    if is_shorter(duration, begins):
        raise ValueError(f"{text!r} does not say on which day a period of {duration} begins")
    return period_from(begins[0], duration)


def _interval(first: Interval, last: Interval) -> Interval:
    if last[1] < first[0]:
        raise ValueError(f"it ends ({last[1].date()}) before it starts ({first[0].date()})")
    return (first[0], last[1])
