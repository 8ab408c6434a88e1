"""The SQL filter language of subscription rules: its text, compiled to a Python function.

Source: Microsoft Learn, "Subscription Rule SQL Filter Syntax". What the operators do is in `sqlvalues`.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

from infra.local.servicebus.sqlvalues import (
    LONG,
    SYSTEM_NAMES,
    Evaluate,
    FilterError,
    Properties,
    both,
    by_name,
    calculate,
    compare,
    constant,
    contained,
    either,
    exists,
    is_null,
    like,
    negate,
    property_value,
    signed,
)

_KEYWORDS = frozenset(["and", "or", "not", "in", "like", "escape", "is", "null", "exists", "true", "false"])
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    | (?P<string>'(?:[^']|'')*')
    | (?P<delimited>\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*")
    | (?P<word>[^\W\d_]\w*)
    | (?P<sign><>|!=|<=|>=|[=<>+\-*/%(),.]))""",
    re.VERBOSE,
)


class FilterSyntaxError(ValueError):
    """The filter's text is wrong, with the column."""


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


def compile_filter(text: str) -> Callable[[Properties, Properties], bool]:
    """A function of (system properties, user properties) that says whether the filter lets a message through.

    Raises FilterSyntaxError now, and the function raises FilterError for a message that cannot be evaluated.
    """
    parser = _Parser(text)
    evaluate = parser.whole()

    def test(system: Properties, user: Properties) -> bool:
        result = evaluate(system, user)
        if not isinstance(result, bool | None):
            raise FilterError(f"the filter gives {result!r}, neither true nor false")
        return result is True

    return test


class _Parser:
    """Recursive descent, loosest binding first; predicates and expressions share one ladder."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def whole(self) -> Evaluate:
        result = self._or()
        if self._next.kind != "end":
            raise self._unexpected()
        return result

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _unexpected(self) -> FilterSyntaxError:
        found = self._next
        what = "the end" if found.kind == "end" else repr(found.text)
        return FilterSyntaxError(f"unexpected {what} at column {found.column}")

    def _take(self, *texts: str) -> str | None:
        token = self._next
        if token.kind in ("word", "sign") and token.text.lower() in texts:
            self._at += 1
            return token.text.lower()
        return None

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            raise self._unexpected()

    def _or(self) -> Evaluate:
        left = self._and()
        while self._take("or"):
            left = either(left, self._and())
        return left

    def _and(self) -> Evaluate:
        left = self._not()
        while self._take("and"):
            left = both(left, self._not())
        return left

    def _not(self) -> Evaluate:
        return negate(self._not()) if self._take("not") else self._comparison()

    def _comparison(self) -> Evaluate:
        begin = self._at
        left = self._sum()
        sign = self._take("=", "<>", "!=", "<", "<=", ">", ">=")
        if sign:
            return compare(sign, left, self._sum())
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            if not _is_property(self._tokens[begin : self._at]):
                raise FilterSyntaxError(f"IS NULL at column {self._next.column} needs a property before it")
            null = is_null(left)
            return negate(null) if negated else null
        negated = self._take("not")
        if self._take("in"):
            inside = contained(left, self._listed())
            return negate(inside) if negated else inside
        if self._take("like"):
            pattern = self._sum()
            alike = like(left, pattern, self._sum() if self._take("escape") else None)
            return negate(alike) if negated else alike
        if negated:
            raise self._unexpected()
        return left

    def _listed(self) -> list[Evaluate]:
        self._expect("(")
        items = [self._sum()]
        while self._take(","):
            items.append(self._sum())
        self._expect(")")
        return items

    def _sum(self) -> Evaluate:
        left = self._product()
        while sign := self._take("+", "-"):
            left = calculate(sign, left, self._product())
        return left

    def _product(self) -> Evaluate:
        left = self._signed()
        while sign := self._take("*", "/", "%"):
            left = calculate(sign, left, self._signed())
        return left

    def _signed(self) -> Evaluate:
        sign = self._take("+", "-")
        return self._primary() if sign is None else signed(sign, self._signed())

    def _primary(self) -> Evaluate:
        token = self._next
        if token.kind in ("number", "string"):
            self._at += 1
            return constant(_value(token))
        if self._take("("):
            inner = self._or()
            self._expect(")")
            return inner
        constants = {"true": True, "false": False, "null": None}
        word = self._take(*constants)
        if word:
            return constant(constants[word])
        if self._take("exists"):
            self._expect("(")
            scope, name = self._property()
            self._expect(")")
            return exists(scope, name)
        return self._call() or property_value(*self._property())

    def _call(self) -> Evaluate | None:
        name = self._next.text.lower()
        if self._next.kind != "word" or self._tokens[self._at + 1].text != "(":
            return None
        if name not in ("newid", "property", "p"):
            raise self._unexpected()
        self._at += 2
        if name == "newid":
            self._expect(")")
            return lambda _system, _user: uuid4()
        argument = self._sum()
        self._expect(")")
        return by_name(argument)

    def _property(self) -> tuple[str, str]:
        name = self._identifier()
        if name.lower() in ("sys", "user") and self._take("."):
            scope, name = name.lower(), self._identifier()
            if scope == "sys" and name.lower() not in SYSTEM_NAMES:
                raise FilterSyntaxError(f"sys.{name} is no system property that filters can read here")
            return scope, name
        return "user", name

    def _identifier(self) -> str:
        token = self._next
        if token.kind == "delimited":
            self._at += 1
            close = token.text[-1]
            return token.text[1:-1].replace(close * 2, close)
        if token.kind != "word" or token.text.lower() in _KEYWORDS:
            raise self._unexpected()
        self._at += 1
        return token.text


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
            raise FilterSyntaxError(f"unexpected {text[column - 1]!r} at column {column}")
        tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1))
        at = match.end()
    tokens.append(_Token("end", "", len(text) + 1))
    return tokens


def _value(token: _Token) -> Any:
    if token.kind == "string":
        return token.text[1:-1].replace("''", "'")
    if not token.text.isdecimal():
        return float(token.text)
    if int(token.text) not in LONG:
        raise FilterSyntaxError(f"{token.text} at column {token.column} does not fit 64 bits")
    return int(token.text)


def _is_property(tokens: list[_Token]) -> bool:
    return tokens[0].kind in ("word", "delimited") and all(
        token.kind in ("word", "delimited") or token.text in ".()" for token in tokens
    )
