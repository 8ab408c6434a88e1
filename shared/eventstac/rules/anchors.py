"""Finds expressions with which no path fits: an anchor stands where it cannot hold, or a backslash is asked for."""

import re

from eventstac.rules.automaton import Automaton, Undecided, share_a_text

_LINES = re.compile(r"\(\?[a-z]*m")  # with this flag anchors hold at line breaks, too


def fits_nothing(regex: str) -> bool:
    """Whether `^` in an expression always has a character before it, or `$` one behind it."""
    if _LINES.search(regex):
        return False
    made = Automaton.of(regex)
    if not made.anchors:
        return False
    begin = (made.start, False, False)
    seen, waiting = {begin}, [begin]
    while waiting:
        state, begun, ended = waiting.pop()
        if state == made.end:
            return False
        reached = [] if ended else [(there, True, False) for _, there in made.taking[state]]
        for there in made.free[state]:
            anchor = made.anchors.get((state, there))
            if not (anchor == "^" and begun):
                reached.append((there, begun, ended or anchor == "$"))
        waiting += [place for place in dict.fromkeys(reached) if place not in seen]
        seen.update(reached)
    return True


def asks_for_backslash(regex: str) -> bool:
    """Whether each text of an expression has a backslash; no path has: the storage makes slashes of them."""
    try:
        return not share_a_text(Automaton.of(regex), Automaton.of(r"[^\\]*"))
    except Undecided:
        return False
