"""Loads a rules file: parse, check the shape, read, check the sense."""

from eventstac.rules.checks.sense import check_sense
from eventstac.rules.document import Document, Path, read_document
from eventstac.rules.loaded import Rules
from eventstac.rules.mistakes import RulesInvalid
from eventstac.rules.model import AssetRule, CollectionRules, Rule
from eventstac.rules.reading import read_collections, read_ignore
from eventstac.rules.schema import check_schema


def load_rules(
    text: str | None, *, file: str, default_collection: str | None = "bronze-tier", checked: bool = False
) -> Rules:
    """The rules of a file's text (None: there is no file, so no rule); `file` is its name, for messages.

    `default_collection` (the setting STAC_DEFAULT_COLLECTION) is always among the collections, with a rule named "".
    `checked` is for a text that was loaded before: it may be empty, and overlaps are not sought again.
    Errors: RulesInvalid with every mistake that was found.
    """
    document = read_document(text or "", file)
    if document.value is None:
        if (
            text is not None and not checked
        ):  # more likely an accident than the wish to have no rules any more
            document.mistake((), "The file is empty", "Write `collections: {}` if there are to be no rules")
        document.value = {"collections": {}}
    check_schema(document)
    document = _readable(document)
    collections = read_collections(document)
    ignore = read_ignore(document, ())
    check_sense(document, collections, ignore, checked=checked)
    if document.mistakes:
        raise RulesInvalid(document.mistakes)
    lines = {
        (collection.id, rule.name): document.line(("collections", collection.id, "rules", index))
        for collection in collections
        for index, rule in enumerate(collection.rules)
    }
    every = _with_default(collections, default_collection)
    return Rules(file, every, default_collection, ignore, lines, tuple(sorted(document.warnings)))


def _readable(document: Document) -> Document:
    """What has the right shape, so that the rest of the mistakes are found, too: all but the rules, and the fields of
    collections, with a mistake in them. Errors: RulesInvalid where there is no telling what is a collection."""
    gone = {_judged_with(path) for path in document.wrong}
    if not gone.isdisjoint([(), ("collections",)]):
        raise RulesInvalid(document.mistakes)
    return document.without(gone) if gone else document


def _judged_with(path: Path) -> Path:
    """The part of the file that means nothing any more where there is a mistake: a rule, a field, a collection."""
    if path[:1] != ("collections",):
        return path[:1]
    return path[:4] if path[2:3] == ("rules",) else path[:3]


_BUILT_IN = "Rasters that no rule of collections.yaml matches, one Item a file."


def is_built_in(collection: CollectionRules) -> bool:
    """Whether title and description are those of a default collection that the file does not name."""
    only_rule = [rule.name for rule in collection.rules] == [""]
    return only_rule and (collection.title, collection.description) == (collection.id, _BUILT_IN)


def _with_default(
    collections: tuple[CollectionRules, ...], default: str | None
) -> tuple[CollectionRules, ...]:
    """The collections, with the default one's rule: one Item a file, one asset "data"."""
    if default is None:
        return collections
    rule = Rule("", assets=(AssetRule("data", roles=("data",)),), require=("data",))
    named = next((each for each in collections if each.id == default), None)
    if named is None:
        return (*collections, CollectionRules(default, default, _BUILT_IN, rules=(rule,)))
    widened = CollectionRules(**{**vars(named), "rules": (*named.rules, rule)})
    return tuple(widened if each is named else each for each in collections)
