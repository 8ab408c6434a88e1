"""Which blob is what in the catalog: collections.yaml, read and asked."""

from eventstac.rules.collection_document import collection_document, collection_extensions
from eventstac.rules.load import load_rules
from eventstac.rules.loaded import Explanation, Rules, Tried
from eventstac.rules.mistakes import RULES_INVALID, Mistake, RulesInvalid, RulesRefused
from eventstac.rules.model import AssetRule, CollectionRules, Queryable, Rule

__all__ = [
    "RULES_INVALID",
    "AssetRule",
    "CollectionRules",
    "Explanation",
    "Mistake",
    "Queryable",
    "Rule",
    "Rules",
    "RulesInvalid",
    "RulesRefused",
    "Tried",
    "collection_document",
    "collection_extensions",
    "load_rules",
]
