"""Facts as the text of their rows, each put together once and taken apart once."""

import json

from eventstac.catalog.fact_json import fact_from_json, fact_to_json
from eventstac.facts import Fact
from eventstac.json_text import canonical_json


class FactTexts:
    """Remembers both ways: what a transaction reads and writes was mostly read and put together before it."""

    def __init__(self) -> None:
        self._facts: dict[str, Fact] = {}
        self._texts: dict[str, tuple[Fact, str]] = {}

    def fact_of(self, text: str) -> Fact:
        """The fact that a row's document says."""
        known = self._facts.get(text)
        if known is None:
            known = self._facts[text] = fact_from_json(json.loads(text))
        return known

    def text_of(self, fact: Fact) -> str:
        """The document of a fact's row."""
        known = self._texts.get(fact.url)
        if known is None or known[0] != fact:
            known = self._texts[fact.url] = (fact, canonical_json(fact_to_json(fact)))
        return known[1]
