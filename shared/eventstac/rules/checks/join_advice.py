"""Tells how groups are joined to one that is read as the date that they say."""

import re
from collections.abc import Sequence
from itertools import takewhile

from eventstac.rules.expressions import TIME_GROUPS
from eventstac.rules.groups import GroupChange, PathDate, Template
from eventstac.rules.pattern import Pattern

_DIRECTIVES = {
    "year": "%Y",
    "month": "%m",
    "day": "%d",
    "doy": "%j",
    "hour": "%H",
    "minute": "%M",
    "second": "%S",
}


def joined(
    groups: set[str], patterns: Sequence[Pattern] = (), *, timed: bool = True
) -> tuple[str, str] | None:
    """The template of all groups that say by their names when something is, and the format by which it is read.

    None where they say no month. With separators and a format numbers mean the same with as many digits as they have;
    times that touch in a path stay together: where nothing says how long each is, only all of them are right.
    """
    days = (("year", "doy"), ("year", "month", "day"), ("year", "month"))
    names = next((each for each in days if groups.issuperset(each)), None)
    if names is None:
        return None
    template = "-".join(f"{{{name}}}" for name in names)
    read = "-".join(_DIRECTIVES[name] for name in names)
    timed = timed and names[-1] != "month"
    times = [*takewhile(lambda name: name in groups, TIME_GROUPS)] if timed else []
    for before, name in zip(("", *times), times, strict=False):
        touch = any(f"{{{before}}}{{{name}}}" in pattern.text for pattern in patterns)
        mark = "" if touch else ":" if before else "T"
        template, read = f"{template}{mark}{{{name}}}", f"{read}{mark}{_DIRECTIVES[name]}"
    return template, read


def source_text(group: str, text_format: str, duration: str) -> str:
    """A source of the datetime as one writes it."""
    return f'{{group: {group}, format: "{text_format}", duration: {duration}}}'


def what_to_write(change: GroupChange, source: PathDate) -> str:
    """What to write instead of a template; where it has more than groups that are known by their names, in general."""
    groups = set(change.source.groups)
    template, read = joined(groups) or ("", "")
    if set(Template(template).groups) == groups and not re.search("[0-9]", change.source.text):
        if read in ("%Y-%m-%d", "%Y-%m"):  # as they are read without a format, too
            return f"Write `template: '{template}'`"
        if source.is_of_a_group and change.default is None:
            return f"Write `template: '{template}'`, and `format: \"{read}\"` into its source"
    return (
        "Put - between the parts of a date in its template and : between those of a time, as {a}-{b}-{c}T{d}:{e}, and "
        "a `format:` into its source, or let each group take one number of digits, as [0-9]{2}"
    )
