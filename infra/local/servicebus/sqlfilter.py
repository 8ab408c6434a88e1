"""The SQL filter language of subscription rules, compiled to a Python function.

Source: Microsoft Learn, "Subscription Rule SQL Filter Syntax". Three-valued logic: a property that is missing (or null)
is unknown, here None; a filter lets a message through only when it is true. Where the language defers to C# operator
binding, operands that C# would refuse (a string compared with a number) are an error, not false.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from infra.local.servicebus.amqp.codec import Timestamp

Properties = Mapping[str, Any]
Evaluate = Callable[[Properties, Properties], Any]
SYSTEM_NAMES = frozenset(
    [
        "messageid",
        "to",
        "label",
        "subject",
        "replyto",
        "correlationid",
        "contenttype",
        "sessionid",
        "replytosessionid",
    ]
)
_KEYWORDS = frozenset(["and", "or", "not", "in", "like", "escape", "is", "null", "exists", "true", "false"])
_LONG = range(-(2**63), 2**63)
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


class FilterError(ValueError):
    """A message made the filter fail: operands that do not go together, a division by zero."""


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
            left = _either(left, self._and())
        return left

    def _and(self) -> Evaluate:
        left = self._not()
        while self._take("and"):
            left = _both(left, self._not())
        return left

    def _not(self) -> Evaluate:
        return _negate(self._not()) if self._take("not") else self._comparison()

    def _comparison(self) -> Evaluate:
        begin = self._at
        left = self._sum()
        sign = self._take("=", "<>", "!=", "<", "<=", ">", ">=")
        if sign:
            return _compare(sign, left, self._sum())
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            if not _is_property(self._tokens[begin : self._at]):
                raise FilterSyntaxError(f"IS NULL at column {self._next.column} needs a property before it")
            null = _is_null(left)
            return _negate(null) if negated else null
        negated = self._take("not")
        if self._take("in"):
            inside = _in(left, self._listed())
            return _negate(inside) if negated else inside
        if self._take("like"):
            pattern = self._sum()
            like = _like(left, pattern, self._sum() if self._take("escape") else None)
            return _negate(like) if negated else like
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
            left = _calculate(sign, left, self._product())
        return left

    def _product(self) -> Evaluate:
        left = self._signed()
        while sign := self._take("*", "/", "%"):
            left = _calculate(sign, left, self._signed())
        return left

    def _signed(self) -> Evaluate:
        sign = self._take("+", "-")
        return self._primary() if sign is None else _signed(sign, self._signed())

    def _primary(self) -> Evaluate:
        token = self._next
        if token.kind in ("number", "string"):
            self._at += 1
            return _constant(_value(token))
        if self._take("("):
            inner = self._or()
            self._expect(")")
            return inner
        constants = {"true": True, "false": False, "null": None}
        word = self._take(*constants)
        if word:
            return _constant(constants[word])
        if self._take("exists"):
            self._expect("(")
            scope, name = self._property()
            self._expect(")")
            return _exists(scope, name)
        return self._call() or _property(*self._property())

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
        return _by_name(argument)

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
    if int(token.text) not in _LONG:
        raise FilterSyntaxError(f"{token.text} at column {token.column} does not fit 64 bits")
    return int(token.text)


def _is_property(tokens: list[_Token]) -> bool:
    return tokens[0].kind in ("word", "delimited") and all(
        token.kind in ("word", "delimited") or token.text in ".()" for token in tokens
    )


def _constant(value: Any) -> Evaluate:
    return lambda _system, _user: value


def _lookup(properties: Properties, name: str) -> Any:
    """The value of a property by its name in any case; KeyError without one."""
    if name in properties:
        return properties[name]
    wanted = name.lower()
    return next((value for key, value in properties.items() if key.lower() == wanted), None)


def _property(scope: str, name: str) -> Evaluate:
    if scope == "sys":
        return lambda system, _user: system.get(name.lower())
    return lambda _system, user: _lookup(user, name)


def _by_name(argument: Evaluate) -> Evaluate:
    def evaluate(system: Properties, user: Properties) -> Any:
        name = argument(system, user)
        if not isinstance(name, str):
            raise FilterError("property() needs a name that is a string")
        scope, dot, rest = name.partition(".")
        if dot and scope.lower() == "sys":
            if rest.lower() not in SYSTEM_NAMES:
                raise FilterError(f"{name} is no system property")
            return system.get(rest.lower())
        return _lookup(user, rest if dot and scope.lower() == "user" else name)

    return evaluate


def _exists(scope: str, name: str) -> Evaluate:
    if scope == "sys":
        return lambda system, _user: system.get(name.lower()) is not None
    return lambda _system, user: any(key.lower() == name.lower() for key in user)


def _is_null(operand: Evaluate) -> Evaluate:
    return lambda system, user: operand(system, user) is None


def _truth(value: Any) -> bool | None:
    if not isinstance(value, bool | None):
        raise FilterError(f"{value!r} is neither true nor false")
    return value


def _negate(operand: Evaluate) -> Evaluate:
    def evaluate(system: Properties, user: Properties) -> bool | None:
        value = _truth(operand(system, user))
        return None if value is None else not value

    return evaluate


def _both(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(system: Properties, user: Properties) -> bool | None:
        first = _truth(left(system, user))
        if first is False:
            return False
        second = _truth(right(system, user))
        return second if first is True or second is False else None

    return evaluate


def _either(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(system: Properties, user: Properties) -> bool | None:
        first = _truth(left(system, user))
        if first is True:
            return True
        second = _truth(right(system, user))
        return second if first is False or second is True else None

    return evaluate


def _kind(value: Any) -> str:
    """The family within which values compare."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Timestamp):
        return "time"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "guid" if isinstance(value, UUID) else "opaque"


def _order(sign: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    kind = _kind(left)
    if kind != _kind(right) or kind == "opaque":
        raise FilterError(f"{left!r} and {right!r} cannot be compared")
    if sign == "=":
        return bool(left == right)
    if sign in ("<>", "!="):
        return bool(left != right)
    if kind not in ("number", "time"):
        raise FilterError(f"{left!r} and {right!r} have no order")
    results = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
    return bool(results[sign])


def _compare(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda system, user: _order(sign, left(system, user), right(system, user))


def _in(operand: Evaluate, items: list[Evaluate]) -> Evaluate:
    def evaluate(system: Properties, user: Properties) -> bool | None:
        value = operand(system, user)
        found = [_order("=", value, item(system, user)) for item in items]
        return True if True in found else (None if None in found else False)

    return evaluate


def _like(operand: Evaluate, pattern: Evaluate, escape: Evaluate | None) -> Evaluate:
    def evaluate(system: Properties, user: Properties) -> bool | None:
        value, shape = operand(system, user), pattern(system, user)
        mark = None if escape is None else escape(system, user)
        if value is None or shape is None or (escape is not None and mark is None):
            return None
        if not isinstance(value, str) or not isinstance(shape, str):
            raise FilterError("LIKE needs strings on both sides")
        if escape is not None and (not isinstance(mark, str) or len(mark) != 1):
            raise FilterError("ESCAPE needs a string of one character")
        return _pattern(shape, mark).fullmatch(value) is not None

    return evaluate


def _pattern(shape: str, mark: str | None) -> re.Pattern[str]:
    parts, escaped = [], False
    for character in shape:
        if escaped or character not in ("%", "_", mark):
            parts.append(re.escape(character))
            escaped = False
        elif character == mark:
            escaped = True
        else:
            parts.append(".*" if character == "%" else ".")
    return re.compile("".join(parts), re.DOTALL)


def _calculate(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(system: Properties, user: Properties) -> Any:
        first, second = left(system, user), right(system, user)
        if first is None or second is None:
            return None
        if sign == "+" and isinstance(first, str) and isinstance(second, str):
            return first + second
        if _kind(first) != "number" or _kind(second) != "number":
            raise FilterError(f"{first!r} {sign} {second!r} cannot be calculated")
        return _arithmetic(sign, first, second)

    return evaluate


def _arithmetic(sign: str, first: float, second: float) -> float:
    whole = isinstance(first, int) and isinstance(second, int)
    result: float
    if sign in "/%":
        if second == 0:
            if whole:
                raise FilterError("division by zero")
            return math.nan if sign == "%" or first == 0 else math.copysign(math.inf, first)
        if sign == "%":
            result = (
                math.fmod(first, second) if not whole else abs(first) % abs(second) * (-1 if first < 0 else 1)
            )
        elif whole:
            result = abs(int(first)) // abs(int(second)) * (1 if (first < 0) == (second < 0) else -1)
        else:
            result = first / second
    else:
        result = {"+": first + second, "-": first - second, "*": first * second}[sign]
    if whole and result not in _LONG:
        raise FilterError("the result does not fit 64 bits")
    return result


def _signed(sign: str, operand: Evaluate) -> Evaluate:
    def evaluate(system: Properties, user: Properties) -> Any:
        value = operand(system, user)
        if value is None:
            return None
        if _kind(value) != "number":
            raise FilterError(f"{value!r} has no sign")
        return -value if sign == "-" else value

    return evaluate
