"""Whether the hooks that a rules file names are there, and take what they are given."""

from inspect import signature

from eventstac.errors import Rejected
from eventstac.rules.builder import find_builder
from eventstac.rules.loaded import Rules
from eventstac.rules.mistakes import Mistake, RulesInvalid


def check_builders(rules: Rules) -> None:
    """Find every `builder:` of the rules; RulesInvalid lists those that cannot be imported or called here."""
    mistakes = []
    for collection in rules.collections:
        for rule in collection.rules:
            found = _mistake(rule.builder) if rule.builder is not None else None
            if found is not None:
                mistakes.append(Mistake(rules.file, rules.line(collection.id, rule.name), *found))
    if mistakes:
        raise RulesInvalid(mistakes)


def _mistake(name: str) -> tuple[str, str] | None:
    """What is wrong with a builder, and what to do."""
    try:
        builder = find_builder(name)
    except Rejected as error:
        return error.detail, "Install its package, or mend the name"
    try:
        signature(builder).bind({}, ())
    except TypeError as error:
        what = f"builder {name!r} does not take an Item and its facts: {error}"
        return what, "Name a function of both, `def finish(item, facts):`; see docs/rules.md"
    except ValueError:  # of a function in C: nobody knows what it takes
        return None
    return None
