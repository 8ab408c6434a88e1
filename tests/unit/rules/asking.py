"""Asks rules for what must be there, so that a test fails in one line where it is not."""

from eventstac.facts import Match
from eventstac.rules import AssetRule, CollectionRules, Rule, Rules


def matched(rules: Rules, url: str) -> Match:
    match = rules.match(url)
    assert match is not None, str(rules.explain(url))
    return match


def collection_of(rules: Rules, collection_id: str) -> CollectionRules:
    collection = rules.collection(collection_id)
    assert collection is not None, collection_id
    return collection


def rule_of(rules: Rules, collection_id: str, name: str) -> Rule:
    rule = collection_of(rules, collection_id).rule(name)
    assert rule is not None, name
    return rule


def asset_of(rule: Rule, key: str) -> AssetRule:
    asset = rule.asset(key)
    assert asset is not None, key
    return asset
