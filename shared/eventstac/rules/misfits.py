"""Says which group keeps a path from being of a rule that it would be of otherwise."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from eventstac.rules.glob import translate
from eventstac.rules.model import Rule
from eventstac.rules.pattern import Pattern, RepeatingPattern, compiled
from eventstac.rules.repeating import TooAmbiguous

_TAKES = {
    "year": "is four digits from 1800 to 2099",
    "month": "is 01 to 12",
    "day": "is 01 to 31",
    "doy": "is 001 to 366",
    "hour": "is 00 to 23",
    **dict.fromkeys(("minute", "second"), "is 00 to 59"),
    "date": "is as 2024-05-01, 20240501 or 2024122",
    **dict.fromkeys(("datetime", "start", "end"), "is as 2024-05-01, 20240501, 2024122 or 20240501T120000"),
}


def why_not(rule: Rule, path: str) -> str:
    """Why none of the rule's patterns fits a path, in words for people."""
    for pattern in rule.patterns:
        misfit = _misfit(pattern, path)
        if misfit is not None:
            name, text = misfit
            return f"the path is not {pattern.text}: {{{name}}} would be {text!r}, {_said(rule, name)}"
    return f"the path is not {' or '.join(pattern.text for pattern in rule.patterns)}"


def _said(rule: Rule, name: str) -> str:
    """What a placeholder of this name stands for by the rule."""
    if name == "asset" and rule.assets:
        return f"which is none of its assets ({', '.join(asset.key for asset in rule.assets)})"
    if any(change.name == name and change.lookup is not None for change in rule.changes):
        return "which its lookup has not"
    if name in _TAKES and not any(date.format and name in (date.start, date.end) for date in rule.path_dates):
        return f"but {_TAKES[name]}"
    return "which is of no format that `datetime:` names for it"


def _misfit(pattern: Pattern, path: str) -> tuple[str, str] | None:
    """The first group that does not fit, and its text, where placeholders may be any text."""
    if pattern.text.startswith("regex:"):
        return None
    loose, strict = _expressions(pattern)
    try:
        found = loose.match(path) or {}
    except TooAmbiguous:
        return None
    return next(
        (
            (name, found[name])
            for name, each in strict.items()
            if name in found and not _fits(each, found[name])
        ),
        None,
    )


def _fits(expression: Any, text: str) -> bool:
    return expression.fullmatch(text.encode()) is not None


@lru_cache(maxsize=1_000)  # asked of many blobs; rules have tens of patterns
def _expressions(pattern: Pattern) -> tuple[Pattern, Mapping[str, Any]]:
    """The pattern with placeholders that may be any text, and what each group is to be."""
    glob = translate(pattern.text, {})
    loose = Pattern(pattern.text, glob.regex, pattern.groups)
    if glob.again:  # for the same text still
        loose = RepeatingPattern(pattern.text, glob.regex, pattern.groups, glob.free, glob.again)
    return loose, {name: compiled(_inside(pattern.regex, name)) for name in pattern.groups}


_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", re.DOTALL)


def _inside(regex: str, name: str) -> str:
    """The expression of a named group."""
    begin, depth = regex.index(f"(?P<{name}>") + len(f"(?P<{name}>"), 1
    for part in _PARTS.finditer(regex, begin):
        depth += {"(": 1, ")": -1}.get(part[0], 0)
        if depth == 0:
            return regex[begin : part.start()]
    return regex[begin:]
