"""Says how to mend YAML that cannot be read: mostly by single quotes, which patterns and formats need."""

import re

import yaml

# A value of a line, after `key:` or `-`.
_VALUE = re.compile(r"^\s*(?:- +)*(?:[^\s:'\"{}\[\],]+:\s+)?(?P<value>.*?)\s*(?:\s#.*)?$")
_BEGINS = re.compile(r"(?:^|[\s\[{,])(?=\{[A-Za-z_])")  # where a value begins with a group
ALIASES = "an alias within itself, or far too many aliases"
_OTHERWISE = "Check indentation, quotes and colons"


def advice_on(error: yaml.MarkedYAMLError, text: str) -> str:
    """What to write instead, where YAML stumbles over this text."""
    problem, mark = error.problem or "", error.problem_mark
    lines = text.splitlines()
    if mark is None or mark.line >= len(lines):
        return _OTHERWISE
    line = lines[mark.line]
    if "\\t" in problem:
        return "Indent with spaces: YAML takes no tabs"
    if problem == ALIASES:
        return "Write out what the alias stands for"
    if "escape character" in problem:
        return "Use single quotes: a backslash stands for itself in them"
    value = _VALUE.sub(r"\g<value>", line)
    if value.startswith(("*", "&", "!")) or (": " in value and "not allowed here" in problem):
        return _quoted(value)
    if "cannot start any token" in problem:
        within_brackets = re.search(r"[\[{]", line[: mark.column])
        stumbled = re.match(r"[^\s,}\]]+" if within_brackets else r".*\S", line[mark.column :])
        return _quoted(stumbled[0]) if stumbled else _OTHERWISE
    for begin in _BEGINS.finditer(line):
        stumbled_over = _pattern_from(line, begin.end())
        if stumbled_over and begin.end() + len(stumbled_over) >= mark.column:
            return _quoted(stumbled_over)
    return _OTHERWISE


def _pattern_from(line: str, start: int) -> str:
    """The text of which a group is the beginning, at a place of a line; empty where it ends with the group."""
    depth = 0
    end = start
    for end in range(start, len(line) + 1):
        character = line[end : end + 1]
        if depth == 0 and end > start and (not character or character in ",]} \t"):
            break
        depth += {"{": 1, "}": -1}.get(character, 0)
    meant = line[start:end]
    return "" if depth or _is_one_group(meant) else meant


def _is_one_group(text: str) -> bool:
    depth = 0
    for at, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return at == len(text) - 1
    return True


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"Put it in single quotes: '{doubled}'"
