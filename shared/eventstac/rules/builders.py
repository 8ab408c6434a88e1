"""Whether the hooks that a rules file names are there."""

from eventstac.errors import Rejected
from eventstac.rules.builder import find_builder
from eventstac.rules.loaded import Rules
from eventstac.rules.mistakes import Mistake, RulesInvalid


def check_builders(rules: Rules) -> None:
    """Find every `builder:` of the rules; RulesInvalid lists those that cannot be imported here."""
    missing = []
    for collection in rules.collections:
        for rule in collection.rules:
            try:
                if rule.builder is not None:
                    find_builder(rule.builder)
            except Rejected as error:
                advice = "Install its package, or mend the name"
                missing.append(
                    Mistake(rules.file, rules.line(collection.id, rule.name), error.detail, advice)
                )
    if missing:
        raise RulesInvalid(missing)
