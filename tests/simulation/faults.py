"""What goes wrong on the way, drawn from a seed: each kind from numbers of its own, so that one can be left out."""

from collections.abc import Collection
from random import Random

# What each kind does, and how often where it may happen at all.
KINDS = {
    "skew": 1.0,  # front ends up to 2 s apart
    "duplicates": 0.1,  # a message is delivered twice
    "reordering": 1.0,  # messages are taken in any order
    "delays": 0.2,  # a message arrives up to a minute late
    "lost-acks": 0.1,  # a message that was handled is delivered again
    "crashes": 0.03,  # a process dies between two side effects
    "errors": 0.04,  # storage, database or bus are away for a moment
    "interleaving": 0.5,  # others go on while a transaction waits for its locks
    "losses": 0.25,  # events of the storage never arrive (in the history itself)
    "rule-changes": 1.0,  # the rules change (in the history itself)
    "backlog": 0.3,  # where events are lost: what a look found waits until a reconcile lists the storage
}
NEED_RECONCILE = frozenset({"losses", "rule-changes", "backlog"})


class Faults:
    """Dice: one for each kind of fault, and one (`random`) for what is no fault."""

    def __init__(self, seed: str, kinds: Collection[str]) -> None:
        self.kinds = frozenset(kinds)
        self.random = Random(f"{seed}/order")
        self._dice = {kind: Random(f"{seed}/{kind}") for kind in KINDS}

    def happens(self, kind: str) -> bool:
        return kind in self.kinds and self._dice[kind].random() < KINDS[kind]

    def skew_s(self) -> float:
        """How far the clock of the front end that answers is off."""
        return self._dice["skew"].choice((-1.0, -0.3, 0.3, 1.0)) if "skew" in self.kinds else 0.0

    def delay_s(self) -> float:
        return self._dice["delays"].choice((0.5, 3.0, 10.0, 60.0)) if self.happens("delays") else 0.0


def kinds_of(seed: int) -> frozenset[str]:
    """The kinds of faults of a seed: about half of them, so that each also comes without the others."""
    random = Random(f"{seed}/kinds")
    return frozenset(kind for kind in KINDS if random.random() < (0.3 if kind in NEED_RECONCILE else 0.6))
