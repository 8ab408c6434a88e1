"""Finds two rules that would both match some blob."""

from eventstac.rules.document import Document
from eventstac.rules.model import CollectionRules


def check_overlaps(document: Document, collections: tuple[CollectionRules, ...]) -> None:
    """Note each pair of rules that overlap, with a path that both match."""
