"""Which characters one place of a regular expression takes, and which two places share."""

import importlib
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

_code: Any = importlib.import_module("re._constants")  # the standard library's own names have no public place

Ranges = tuple[tuple[int, int], ...]  # of code points, ends included, ascending

_LAST = 0x10FFFF
_LAST_CASED = 0x1E943
_FIRST_BEYOND_ASCII = 128
ANY: Ranges = ((0, _LAST),)
_DIGITS: Ranges = ((48, 57),)
_WORDS: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACES: Ranges = ((9, 13), (32, 32))


def ranges_of(operation: Any, argument: Any, *, fold: bool = False) -> Ranges:
    """The characters that a parsed operation on one character takes: a literal, any, a class; `fold`: in any case."""
    if operation is _code.ANY:
        return ANY
    found: list[tuple[int, int]] = []
    negated = operation is _code.NOT_LITERAL
    for kind, value in argument if operation is _code.IN else ((_code.LITERAL, argument),):
        if kind is _code.NEGATE:
            negated = True
        elif kind is _code.RANGE:
            found.append(value)
        elif kind is _code.CATEGORY:
            found.extend(_category(value))
        else:
            found.append((value, value))
    ranges = folded(tuple(sorted(found))) if fold else tuple(sorted(found))
    return _other_than(ranges) if negated else ranges


@lru_cache(maxsize=1024)
def folded(ranges: Ranges) -> Ranges:
    """These characters and those that differ from them in nothing but case."""
    kin = {
        other
        for low, high in ranges
        if high < _FIRST_BEYOND_ASCII
        for each in range(low, high + 1)
        for other in _kin_of_ascii(each)
    }
    if any(high >= _FIRST_BEYOND_ASCII for _, high in ranges):
        kin |= {
            other
            for group in _kin()
            if any(low <= each <= high for each in group for low, high in ranges)
            for other in group
        }
    return tuple(sorted({*ranges, *((each, each) for each in kin)}))


def _kin_of_ascii(character: int) -> tuple[int, ...]:
    text = chr(character)
    beyond = {"k": 0x212A, "s": 0x17F}.get(text.lower())  # the Kelvin sign and the long s
    return (ord(text.swapcase()), *(() if beyond is None else (beyond,)))


@cache
def _kin() -> tuple[tuple[int, ...], ...]:
    """Characters that are one letter in several cases; 30 ms, for a class beyond ASCII whose case is ignored."""
    found: dict[str, list[int]] = {}
    for character in range(_LAST_CASED + 1):
        text = chr(character)
        if text.lower() != text or text.upper() != text:
            simple = text.casefold() if len(text.casefold()) == 1 else text.lower()
            found.setdefault(simple, []).append(character)
    return tuple(tuple(each) for each in found.values() if len(each) > 1)


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
def shared_ranges(one: Ranges, other: Ranges) -> Ranges:
    """The characters that are in both."""
    shared = {(max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other}
    return tuple(sorted((low, high) for low, high in shared if low <= high))


@lru_cache(maxsize=4096)
def shared_character(one: Ranges, other: Ranges, liked: str) -> str:
    """The character of both that reads best, empty where there is none."""
    both = shared_ranges(one, other)
    for each in liked:
        if any(low <= ord(each) <= high for low, high in both):
            return each
    return chr(both[0][0]) if both else ""


@lru_cache(maxsize=1024)
def before_transform(ranges: Ranges, transform: str) -> Ranges:
    """The characters that a transform ("lower", "upper") makes ones of these."""
    changed = _changed_by(transform)
    into = {(each, each) for each, made in changed if _is_in(made, ranges)}
    away = tuple((each, each) for each, made in changed if _is_in(each, ranges) and not _is_in(made, ranges))
    stay = shared_ranges(ranges, _other_than(away)) if away else ranges
    return tuple(sorted({*stay, *into}))


def _is_in(character: int, ranges: Ranges) -> bool:
    return any(low <= character <= high for low, high in ranges)


@cache
def _changed_by(transform: str) -> tuple[tuple[int, int], ...]:
    """Each character that a transform changes, and into which; 30 ms."""
    every = (chr(each) for each in range(_LAST_CASED + 1))
    return tuple((ord(each), ord(made)) for each in every if (made := in_case(each, transform)) != each)


def in_case(text: str, transform: str) -> str:
    """A text in "lower" or "upper" case, letter by letter: one that would become two (as ß in upper case) stays."""
    if text.isascii():
        return text.lower() if transform == "lower" else text.upper()
    changed = [each.lower() if transform == "lower" else each.upper() for each in text]
    return "".join(new if len(new) == 1 else old for old, new in zip(text, changed, strict=True))
