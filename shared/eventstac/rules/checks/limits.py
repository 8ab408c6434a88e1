"""Which texts the groups of a path may hold, by all that a rule does with them: lookups, assets, dates, types."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from eventstac.rules.automaton import NO_TEXT, Automaton, Language, Limits, literal, share_a_text
from eventstac.rules.checks.taking_part import groups_always
from eventstac.rules.dates import READ_DATE
from eventstac.rules.durations import read_to_begin
from eventstac.rules.expressions import ANY_DATE, KNOWN_GROUPS
from eventstac.rules.formats import format_regex, read_by_format
from eventstac.rules.groups import GroupChange, PathDate, Template
from eventstac.rules.model import ANY_ASSET, Rule
from eventstac.rules.pattern import Pattern

_SPACE = r"[\x09-\x0d\x1c-\x20]*"
_DIGITS = "[0-9]+(?:_[0-9]+)*"
# Of each type: more than what Python reads as one, and what anybody would write.
_TYPES = {
    "integer": (f"{_SPACE}[+-]?{_DIGITS}{_SPACE}", "[0-9]+"),
    "number": (f"{_SPACE}[+-]?[0-9_.]+(?:[eE][+-]?[0-9_]+)?{_SPACE}", "[0-9]+"),
    "boolean": (f"{_SPACE}(?i:true|false|yes|no|0|1){_SPACE}", "true|false|yes|no|0|1"),
}


def limits_of(rule: Rule, pattern: Pattern, *, loose: bool) -> Limits:
    """What the groups of a pattern may hold for the rule to match.

    Loose limits leave out no path that the rule matches, and keep some that it does not. The others keep the paths that
    anybody would write, which it mostly matches.
    """
    found = _Limits(rule, pattern, loose)
    for index, change in enumerate(rule.changes):
        if change.lookup is not None and change.default is None:
            found.demand_of(change, Language(_one_of(change.lookup)), index)
    found.demand_assets()
    found.demand_properties()
    if "path" in rule.datetime_sources:
        found.demand_dates()
    return found.by_group


def asset_limits(rule: Rule, pattern: Pattern) -> Limits:
    """What the groups of a pattern must hold for the asset to be one of the rule's; of some, more than that."""
    found = _Limits(rule, pattern, loose=True)
    found.demand_assets()
    return found.by_group


def _one_of(texts: Iterable[str]) -> str:
    alternatives = "|".join(re.escape(text) for text in texts)
    return f"(?:{alternatives})" if alternatives else NO_TEXT.regex


@dataclass
class _Limits:
    rule: Rule
    pattern: Pattern
    loose: bool
    by_group: dict[str, list[Language]] = field(default_factory=dict)

    def demand(self, name: str, language: Language, before: int | None = None) -> None:
        """That a group is of a language, as it is before a change (None: after all of them)."""
        changes = self.rule.changes[:before]
        for index in reversed(range(len(changes))):
            if changes[index].name == name:
                through = _before_lookup(changes[index], language)
                if through is not None:
                    self.demand_of(changes[index], through, index)
                return
        if name in self.pattern.groups:
            self.by_group.setdefault(name, []).append(language)

    def demand_of(self, change: GroupChange, language: Language, index: int) -> None:
        """That what a change's lookup (or the group itself) gets is of a language."""
        if change.transform is not None:
            language = replace(language, transforms=(change.transform, *language.transforms))
        name = _only_group(change.source)
        if name is not None:
            self.demand(name, language, index)

    def demand_assets(self) -> None:
        assets = self.rule.assets
        if not assets or any(asset.key == ANY_ASSET for asset in assets):
            return
        globs = [glob for asset in assets for glob in asset.match]
        name = _only_group(self.rule.asset_key)
        if name is not None:
            self.demand(name, Language("|".join(f"(?:{glob.regex})" for glob in globs)))
        elif len(self.rule.asset_key.groups) == 1 and all(glob.is_literal for glob in globs):
            name = self.rule.asset_key.groups[0]
            mark = "\x00"
            first, _, last = self.rule.asset_key.fill({name: mark}).partition(mark)
            inner = [
                glob.text[len(first) : len(glob.text) - len(last)]
                for glob in globs
                if glob.text.startswith(first) and glob.text[len(first) :].endswith(last)
            ]
            self.demand(name, Language(_one_of(inner)))

    def demand_properties(self) -> None:
        for value in self.rule.properties.values():
            if not isinstance(value, Mapping) or "from" not in value:
                continue
            if "lookup" in value:
                if "default" not in value:
                    self.demand(value["from"], Language(_one_of(value["lookup"])))
            elif value.get("type") in _TYPES:
                loose, plain = _TYPES[value["type"]]
                self.demand(value["from"], Language(loose if self.loose else plain))

    def demand_dates(self) -> None:
        """What the sources of a datetime demand: that one of them can be read, of those that may give one."""
        there = {*self.pattern.groups, *(change.name for change in self.rule.changes)}
        sources = [source for source in self.rule.path_dates if source.value or source.may_read(there)]
        if not sources or any(source.value for source in sources):
            return
        demanded = [dict(self._of_date(source, there)) for source in sources]
        groups = {name for each in demanded for name in each}
        if len(groups) == 1 and all(demanded):
            name = groups.pop()
            self.demand(name, Language("|".join(f"(?:{each[name]})" for each in demanded)))
        elif len(sources) == 1 or not self.loose:
            for name, regex in demanded[0].items():
                self.demand(name, Language(regex))

    def _of_date(self, source: PathDate, there: set[str]) -> Iterator[tuple[str, str]]:
        read = read_by_format if self.loose else format_regex
        any_date = READ_DATE if self.loose else ANY_DATE
        regex = any_date if source.format is None else read(source.format)
        if source.duration is not None and source.format is None:
            regex = read_to_begin(source.duration)
        first = next((name for name in ("datetime", "date") if name in there), None)
        if source.start:
            names = sorted({source.start, source.end})
            if regex is not None and (len(names) == 1 or self._take_part(names)):
                yield from ((name, regex) for name in names)
        elif first is not None:
            yield first, any_date
        elif {"start", "end"} <= there:
            if self._take_part(["start", "end"]):
                yield from (("start", any_date), ("end", any_date))
        elif not self.loose:
            yield from (
                (name, KNOWN_GROUPS[name]) for name in ("year", "month", "day", "doy") if name in there
            )

    def _take_part(self, names: list[str]) -> bool:
        """Whether groups are in every path: where one of two is not, neither is read as a date."""
        changed = {change.name for change in self.rule.changes}
        return changed.union(groups_always(self.pattern.regex)).issuperset(names)


def _before_lookup(change: GroupChange, language: Language) -> Language | None:
    """What a change's lookup must get so that it gives a text of a language; None where that may be anything."""
    if change.lookup is None:
        return language
    wanted = Automaton.of_language(language)

    @cache
    def is_wanted(text: str) -> bool:
        return share_a_text(wanted, Automaton.of(literal(text)))

    if change.default is not None and is_wanted(change.default):
        return None
    return Language(_one_of(key for key, value in change.lookup.items() if is_wanted(value)))


def _only_group(template: Template) -> str | None:
    """The group that a template is nothing but; None for another."""
    return template.groups[0] if template.groups and template.text == f"{{{template.groups[0]}}}" else None
