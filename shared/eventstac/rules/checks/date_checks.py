"""Checks where a rule takes the datetime from: that there is such a group or file, and that it can be read."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from eventstac.rules.checks.date_groups import check_date_groups, may_hold
from eventstac.rules.checks.group_checks import check_taken
from eventstac.rules.checks.join_advice import joined, source_text
from eventstac.rules.checks.joined_dates import check_joined
from eventstac.rules.checks.touching_dates import check_touching
from eventstac.rules.dates import READ_DATE, parse_date
from eventstac.rules.document import Document, Path
from eventstac.rules.durations import DEKAD, is_shorter, period_from, read_to_begin
from eventstac.rules.formats import format_problem, read_by_format
from eventstac.rules.groups import PATH_GROUPS, PathDate, Template
from eventstac.rules.model import Rule
from eventstac.rules.pattern import Pattern
from eventstac.rules.sidecar import TIMES

COMPUTED = {"datetime", "start_datetime", "end_datetime", "created", "updated"}  # no properties to set

_WHOLES = ("P1W", "P1M", "P1Y")
_EARLY = datetime(1900, 1, 1, tzinfo=UTC)  # hardly a raster begins before it; a dekad does begin on it


def check_dates(document: Document, path: Path, rule: Rule, groups: set[str]) -> None:
    """Note sources of the datetime that can never give one; `groups` are those that every path has.

    One of several only warns: it is passed over. A sidecar may be of another rule for the same Item, too.
    """
    for pattern in rule.patterns:
        _check_dates_can_be(document, (*path, "pattern"), rule, pattern)
    idle = check_date_groups(document, path, rule)
    check_joined(document, path, rule)
    check_touching(document, path, rule)
    written = document.at((*path, "datetime")) or []
    for index, source in enumerate(written):
        where = (*path, "datetime", index)
        if isinstance(source, Mapping):
            _check_source(document, where, source, groups)
            if "duration" in source:
                _check_beginning(document, where, rule, source, groups)
        elif source == "path" and not _says_when(rule) and not idle:
            what = "`path` gives no datetime: the pattern has none of the groups that are one by their name"
            told = document.mistake if len(written) == 1 else document.warn
            told(where, what, "Name one {date} or {year}, or write {group: NAME, format: …}")
        elif source == "sidecar" and not _timed(rule):
            what = (
                "`sidecar` gives no datetime: no sidecar of the rule has `datetime:`, or `start:` and `end:`"
            )
            document.warn(where, what, "Write `datetime:` into an asset's `sidecar:`, or leave it out here")
    if written and "sidecar" not in rule.datetime_sources:
        for key, name in _timed(rule):
            what = f"The sidecar {key!r} says when, but `datetime:` of the rule has no `sidecar`"
            where = (*path, "assets", key, "sidecar", name)
            document.warn(where, what, "Add `sidecar` to that list, or leave it out here")
    kinds = [_kind(source) for source in written]
    if [kind for kind, _ in groupby(kinds)].count("path") > 1:
        what = "Dates of the path stand apart, and are all taken where the first of them stands"
        document.mistake((*path, "datetime"), what, "Write them one after the other")


def _kind(source: Any) -> Any:
    return "path" if isinstance(source, Mapping) else source


def _says_when(rule: Rule) -> bool:
    """Whether a pattern has groups that say when by their names."""
    made = {change.name for change in rule.changes}
    return any(PathDate().may_read({*pattern.groups, *made}) for pattern in rule.patterns)


def _timed(rule: Rule) -> list[tuple[str, str]]:
    """The sidecars that say when, each with the first field that does."""
    return [
        (asset.key, next(name for name in TIMES if name in asset.sidecar))
        for asset in rule.assets
        if asset.sidecar is not None and not TIMES.keys().isdisjoint(asset.sidecar)
    ]


def _check_source(document: Document, path: Path, source: Mapping[str, Any], groups: set[str]) -> None:
    for key in ("group", "start", "end"):
        if key in source:
            check_taken(document, path, Template(f"{{{source[key]}}}"), groups, "The datetime")
    if "format" in source:
        check_format(document, path, source["format"])
    if "value" in source:
        _check_value(document, path, source["value"])


def _check_beginning(
    document: Document, path: Path, rule: Rule, source: Mapping[str, Any], groups: set[str]
) -> None:
    """Note a period that has no end, or is shorter than what its group leaves open: eight days of a month are many.

    Another source may read the paths of which that is so: then it is passed over, and told only where it always is.
    """
    group, duration = source["group"], source["duration"]
    date = PathDate(group, group, source.get("format"), duration=duration)
    try:
        period_from(_EARLY, duration)
    except ValueError:
        what = f"A period of {duration} ends after the year 9999, whatever day it begins on"
        document.mistake(path, what, "Write a shorter `duration:`, as P8D")
        return
    never = [pattern for pattern in rule.patterns if _never_begins(rule, pattern, date)]
    unread = [pattern for pattern in never if not _is_read_otherwise(rule, pattern, date)]
    if unread or (never and len(never) == len(rule.patterns)):
        what = f"The group {group!r} says no day for a period of {duration} to begin on"
        told = document.mistake if unread else document.warn
        told(path, what, _to_begin(rule, (unread or never)[0], date, duration, groups))


def _never_begins(rule: Rule, pattern: Pattern, date: PathDate) -> bool:
    """Whether all dates that a source reads in a pattern are weeks, months or years, and its period is shorter."""
    if date.duration is None:
        return False
    if date.format is not None:
        return format_problem(date.format) is None and is_shorter(
            date.duration, parse_date(_EARLY.strftime(date.format), date.format)
        )
    if date.start not in pattern.groups or any(change.name == date.start for change in rule.changes):
        return False
    begins = read_to_begin(date.duration)
    return may_hold(pattern, date.start, READ_DATE) and not may_hold(pattern, date.start, begins)


def _to_begin(rule: Rule, pattern: Pattern, date: PathDate, duration: str, groups: set[str]) -> str:
    """What to write instead of a source that never begins its period; first what all paths have the groups for."""
    whole = next(each for each in _WHOLES if not _never_begins(rule, pattern, replace(date, duration=each)))
    longer = f"rite `duration: {whole}`"
    one = joined(groups, rule.patterns, timed=duration != DEKAD)  # dekads begin at midnight
    if one is None:
        return f"W{longer}, or name a group that says the day, too"
    template, text_format = one
    is_month = text_format == "%Y-%m" and is_shorter(duration, parse_date("2024-01"))
    source = source_text("begins", text_format, "P1M" if is_month else duration)
    made = f"`groups: {{begins: {{template: '{template}'}}}}`"
    return f"Make one group of all that say it, {made} and `datetime: [{source}]`, or w{longer}"


def _is_read_otherwise(rule: Rule, pattern: Pattern, date: PathDate) -> bool:
    """Whether another source of the path may give the datetime of a pattern's paths."""
    groups = {*pattern.groups, *(change.name for change in rule.changes)}
    return any(
        other.value is not None or (other.may_read(groups) and not _never_begins(rule, pattern, other))
        for other in rule.path_dates
        if other != date
    )


def _check_dates_can_be(document: Document, path: Path, rule: Rule, pattern: Pattern) -> None:
    """Note groups that are to be dates but whose expression no date fits."""
    changed = {change.name for change in rule.changes}
    named = {name: None for names in PATH_GROUPS for name in names if name != "year"}
    for date in rule.path_dates:
        wanted = {date.start: date.format, date.end: date.format} if date.start else named
        for group, text in wanted.items():
            expression = read_by_format(text) if text else READ_DATE
            if date.value or expression is None or group in changed or group not in pattern.groups:
                continue
            if not may_hold(pattern, group, expression):
                kind = f"a date of the format {text!r}" if text else "a date"
                what = f"The group {group!r} can never be {kind}"
                document.mistake(
                    path, what, f"Leave its expression out: {{{group}}}, or name another `format:`"
                )


def _check_value(document: Document, path: Path, text: str) -> None:
    try:
        PathDate(value=text).read({})
    except ValueError as error:
        document.mistake(path, f"{text!r} cannot be a datetime: {error}", "Write YYYY-MM-DD, or START/END")


def check_format(document: Document, path: Path, text: str) -> None:
    """Note a strptime format by which no date can be read."""
    problem = format_problem(text)
    if problem is not None:
        document.mistake(path, *problem)
