"""Checks that the groups of a pattern that say when by their names are enough, and are asked."""

from collections.abc import Iterator

from eventstac.rules.document import Document, Path
from eventstac.rules.group_checks import filled_texts
from eventstac.rules.model import Rule

_ENDS = {"start": "end", "end": "start"}


def check_date_groups(document: Document, path: Path, rule: Rule) -> bool:
    """Note groups that are to be of a date by their names, but of no datetime; whether there is such a mistake.

    Only warns of those that the rule has another use for, and where there is another date, or another source of one:
    an Item has a datetime then. `{year}/{month}` beside `{date}` say the same once more.
    """
    if not any(not date.start and date.value is None for date in rule.path_dates):
        return False
    used = {name for _, _, template in filled_texts(rule) for name in template.groups}
    used |= {name for date in rule.path_dates for name in (date.start, date.end)}
    used |= {name for change in rule.changes for name in change.source.groups}
    given = [{*pattern.groups, *(change.name for change in rule.changes)} for pattern in rule.patterns]
    found = {each for groups in given for each in _idle(groups)}
    needed = rule.datetime_sources == ("path",) and not any(
        date.value is not None or date.may_read(groups) for date in rule.path_dates for groups in given
    )
    for name, why, instead in sorted(found):
        told = document.mistake if needed and name not in used else document.warn
        told((*path, "pattern"), f"The group {name!r} {why}", instead)
    return needed and any(name not in used for name, _, _ in found)


def _idle(groups: set[str]) -> Iterator[tuple[str, str, str]]:
    """The groups that say nothing of a date, why, and what to write instead."""
    dated = next((name for name in ("datetime", "date") if name in groups), None)
    if dated:
        for name in sorted(_ENDS.keys() & groups):
            instead = f"Give one of the two another name, or write `datetime: [{{group: {dated}}}]`"
            yield name, f"is not asked for the datetime, as {{{dated}}} is", instead
    elif not _ENDS.keys() <= groups:
        for name, other in _lacking(groups):
            instead = f"Put {{{other}}} into the pattern, too, or write `datetime:` without `path`"
            yield name, f"gives no datetime without {{{other}}}", instead


def _lacking(groups: set[str]) -> Iterator[tuple[str, str]]:
    """The groups to which others are lacking, and which."""
    yield from ((name, other) for name, other in _ENDS.items() if name in groups)
    if "year" not in groups:
        yield from ((name, "year") for name in ("month", "day", "doy") if name in groups)
    elif "day" in groups and groups.isdisjoint(("month", "doy")):
        yield "day", "month"
