"""Since which revision a rule means the same: what a new revision changes, and what it leaves as it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eventstac.rules.loaded import Rules


@dataclass(frozen=True)
class Since:
    """Revisions since which things are the same: `anything` about any blob, and each rule by collection and name.

    Titles, queryables and other fields of a Collection are no part of it: they change nothing about a blob.
    """

    anything: int = 0
    rules: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def rule(self, collection: str, name: str) -> int:
        """The revision since which a rule is the same; 0 for the default collection's, which never changes."""
        return self.rules.get((collection, name), self.anything if name else 0)

    @property
    def least(self) -> int:
        """The least of them: whatever was found before it is stale."""
        return min(self.anything, *self.rules.values()) if self.rules else self.anything

    def to_json(self) -> dict[str, Any]:
        """The form in which a revision's row keeps it."""
        rules = [[collection, name, since] for (collection, name), since in sorted(self.rules.items())]
        return {"anything": self.anything, "rules": rules}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Since":
        """Read what `to_json` wrote."""
        rules = {(collection, name): since for collection, name, since in document["rules"]}
        return cls(document["anything"], rules)


def all_new(rules: Rules, revision: int) -> Since:
    """Of rules of which nobody knows what was before."""
    return Since(revision, dict.fromkeys(rules.meanings, revision))


def since_when(rules: Rules, revision: int, before: Rules, since: Since) -> Since:
    """Of rules that become a revision, after others (`before`, with their `since`) by the same extractor."""
    return Since(
        since.anything if rules.meaning == before.meaning else revision,
        {
            key: since.rule(*key) if before.meanings.get(key) == meaning else revision
            for key, meaning in rules.meanings.items()
        },
    )
