"""The rules in force, and what is by them to be read again."""

from dataclasses import dataclass

from eventstac.facts import Match
from eventstac.rules.loaded import Rules
from eventstac.rules.since import Since


@dataclass(frozen=True)
class AppliedRules:
    """The rules in force, and the revision that facts found by them carry.

    `since` says since when each rule is the same. `extractor`: the extractor's highest number ever in force, capped at
    this version's own, so that an older app leaves to newer ones what only they can read; 0 while no reading records
    one. What an extractor of that number read depends on nothing but the blob and how its rule says to read it.
    """

    revision: int
    rules: Rules
    since: Since
    extractor: int = 0

    def same_since(self, match: Match | None) -> int:
        """The revision since which what a blob is by the rules means the same; None: whatever it is."""
        return self.since.rule(match.collection, match.rule) if match else self.since.anything
