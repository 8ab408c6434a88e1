"""What is wrong with a CQL2 text, as a sentence: its parser draws a picture, in words of its grammar."""

import re

_DRAWN = re.compile(
    r"\s*--> (?P<line>\d+):(?P<column>\d+)\n\s*\|\n\d+ \| (?P<text>[^\n]*)\n.*= expected (?P<names>[^\n]*)\Z",
    re.DOTALL,
)
_BEFORE = 60  # characters of the text before the mistake that are shown
_AFTER = 20
_LONGEST = 300  # characters of an explanation of another kind: it may repeat the whole text
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
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Divide", "Modulo", "Power"), "an operator"),
    **dict.fromkeys(("Eq", "Gt", "GtEq", "Lt", "LtEq", "NotEq"), "an operator"),
}


def explained(error: Exception) -> str:
    """Where the mistake is, beside which words, and what was expected there; else what the parser says, in one line."""
    if (drawn := _DRAWN.fullmatch(str(error))) is None:
        return " ".join(line.strip() for line in str(error).splitlines() if line.strip())[:_LONGEST]
    text, place = drawn["text"], int(drawn["column"]) - 1
    before, after = text[max(place - _BEFORE, 0) : place], text[place : place + _AFTER]
    if place > _BEFORE:
        before = f"…{before}"
    if place + _AFTER < len(text):
        after = f"{after}…"
    where = f"at character {place + 1}"
    if drawn["line"] != "1":
        where += f" of line {drawn['line']}"
    beside = [
        f"{word} {part!r}" for word, part in (("after", before.rstrip()), ("at", after.strip())) if part
    ]
    return f"{', '.join([where, *beside])}: expected {_listed(drawn['names'])}"


def _listed(names: str) -> str:
    told = dict.fromkeys(_WORDS.get(each, each) for each in re.split(r", or |, | or ", names))
    *others, last = told
    return f"{', '.join(others)} or {last}" if others else last
