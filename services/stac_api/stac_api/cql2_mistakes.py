"""What is wrong with a CQL2 text, as a sentence: its parser draws a picture, in words of its grammar."""

import re
from collections.abc import Iterator, Sequence

_DRAWN = re.compile(
    r"\s*--> (?P<line>\d+):(?P<column>\d+)\n\s*\|\n\d+ \| .*= expected (?P<names>[^\n]*)\Z",
    re.DOTALL,
)
_BEFORE = 60  # characters of the text before the mistake that are shown
_AFTER = 20
_LONGEST = 300  # characters of an explanation of another kind: it may repeat the whole text
_ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide", "Modulo", "Power")
_WORDS = {
    "EOI": "the end of the text",
    "Expr": "a condition",
    "GEOMETRY": "a geometry",
    "Identifier": "a property",
    "UnaryNot": "NOT",
    "Negative": "a number",
    "DECIMAL": "a number",
    "Double": "a number",
    "True": "TRUE or FALSE",
    "False": "TRUE or FALSE",
    "Null": "NULL",
    "SingleQuotedString": "a text in single quotes",
    "ExpressionInParentheses": "a bracket",
    "Array": "a list",
    "NotFlag": "NOT",
    "And": "AND",
    "Or": "OR",
    "IsNullPostfix": "IS NULL",
    "Like": "LIKE",
    "In": "IN",
    "BetweenPostfix": "BETWEEN",
    "BetweenOperand": "a value",
    "GEOMETRY_MEMBER": "a geometry",
    "EMPTYSET": "EMPTY",
    "COORD": "a position",
    "PCOORD": "a position in brackets",
    **dict.fromkeys(("PCOORDLIST", "PCOORDLISTLIST", "PCOORDLISTLISTLIST"), "positions in brackets"),
    **dict.fromkeys(_ARITHMETIC, "an operator"),
    **dict.fromkeys(("Eq", "Gt", "GtEq", "Lt", "LtEq", "NotEq"), "an operator"),
}


def explained(error: Exception, text: str) -> str:
    """Where the mistake in the text is, beside which words, and what was expected there.

    What the parser says of another kind is told in its own words, in one line.
    """
    if (drawn := _DRAWN.fullmatch(str(error))) is None:
        return " ".join(line.strip() for line in str(error).splitlines() if line.strip())[:_LONGEST]
    # the client's line: the drawn one is without its carriage returns
    line, place = text.split("\n")[int(drawn["line"]) - 1], int(drawn["column"]) - 1
    before, after = line[max(place - _BEFORE, 0) : place], line[place : place + _AFTER]
    if place > _BEFORE:
        before = f"…{before}"
    if place + _AFTER < len(line):
        after = f"{after}…"
    where = f"at character {place + 1}"
    if drawn["line"] != "1":
        where += f" of line {drawn['line']}"
    beside = [
        f"{word} {part!r}" for word, part in (("after", before.rstrip()), ("at", after.strip())) if part
    ]
    return f"{', '.join([where, *beside])}: expected {_listed(drawn['names'])}"


def _listed(names: str) -> str:
    *others, last = dict.fromkeys(_words(re.split(r", or |, | or ", names)))
    return f"{', '.join(others)} or {last}" if others else last


def _words(names: Sequence[str]) -> Iterator[str]:
    """What is expected: first what the grammar has no name for, which the names beside it tell, then these in words."""
    if set(names) == set(_ARITHMETIC):
        yield "AND"  # BETWEEN's: after any other value a comparison may come
    elif "And" in names and "EOI" not in names:
        yield "a closing bracket"  # a condition that the text cannot end after
    yield from (_WORDS.get(each, each) for each in names)
