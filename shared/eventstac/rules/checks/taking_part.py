"""Which groups of an expression hold something in every text that it matches."""

import importlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

# The standard library has no public parser of its own expressions.
_parser: Any = importlib.import_module("re._parser")
_code: Any = importlib.import_module("re._constants")

_REPEATS = (_code.MAX_REPEAT, _code.MIN_REPEAT, _code.POSSESSIVE_REPEAT)


@lru_cache(maxsize=64)  # the same pattern is asked about for each asset of a rule
def groups_always(regex: str) -> frozenset[str]:
    """The names of the groups that take part in every match; the others are optional, or of one alternative only."""
    parsed = _parser.parse(regex)
    always = _always(parsed)
    return frozenset(name for name, number in parsed.state.groupdict.items() if number in always)


def _always(sequence: Iterable[tuple[Any, Any]]) -> set[int]:
    found: set[int] = set()
    for operation, argument in sequence:
        if operation is _code.SUBPATTERN:
            number, _, _, inner = argument
            found |= _always(inner) | ({number} if number else set())
        elif operation is _code.BRANCH:
            found |= set.intersection(*(_always(branch) for branch in argument[1]))
        elif operation in _REPEATS and argument[0] > 0:
            found |= _always(argument[2])
    return found
