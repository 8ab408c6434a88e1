"""Which characters one place of a regular expression takes, and which two places share."""

import importlib
from functools import lru_cache
from itertools import pairwise
from typing import Any

_code: Any = importlib.import_module("re._constants")  # the standard library's own names have no public place

Ranges = tuple[tuple[int, int], ...]  # of code points, ends included, ascending

_LAST = 0x10FFFF
_ANY: Ranges = ((0, _LAST),)
_DIGITS: Ranges = ((48, 57),)
_WORDS: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACES: Ranges = ((9, 13), (32, 32))
_LIKED = "a1A0_-. "  # characters that make a witness easy to read, the best first


def ranges_of(operation: Any, argument: Any) -> Ranges:
    """The characters that a parsed operation on one character takes: a literal, any, a class."""
    if operation is _code.LITERAL:
        return ((argument, argument),)
    if operation is _code.NOT_LITERAL:
        return _other_than(((argument, argument),))
    if operation is _code.ANY:
        return _ANY
    found: list[tuple[int, int]] = []
    negated = False
    for kind, value in argument:
        if kind is _code.NEGATE:
            negated = True
        elif kind is _code.RANGE:
            found.append(value)
        elif kind is _code.CATEGORY:
            found.extend(_category(value))
        else:
            found.append((value, value))
    return _other_than(tuple(found)) if negated else tuple(sorted(found))


def _category(category: Any) -> Ranges:
    known = {
        _code.CATEGORY_DIGIT: _DIGITS,
        _code.CATEGORY_WORD: _WORDS,
        _code.CATEGORY_SPACE: _SPACES,
        _code.CATEGORY_NOT_DIGIT: _other_than(_DIGITS),
        _code.CATEGORY_NOT_WORD: _other_than(_WORDS),
        _code.CATEGORY_NOT_SPACE: _other_than(_SPACES),
    }
    return known[category]


def _other_than(ranges: Ranges) -> Ranges:
    edges = [(-1, -1), *sorted(ranges), (_LAST + 1, _LAST + 1)]
    gaps = []
    reached = -1
    for (_, end), (start, _) in pairwise(edges):
        reached = max(reached, end)
        if start > reached + 1:
            gaps.append((reached + 1, start - 1))
    return tuple(gaps)


@lru_cache(maxsize=4096)
def shared_character(one: Ranges, other: Ranges) -> str:
    """The character of both that reads best, empty where there is none."""
    shared = [(max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other]
    both = [(low, high) for low, high in shared if low <= high]
    for liked in _LIKED:
        if any(low <= ord(liked) <= high for low, high in both):
            return liked
    return chr(both[0][0]) if both else ""
