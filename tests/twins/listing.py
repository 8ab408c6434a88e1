"""A container of any number of blobs, none of which is held: listing and facts are made as they are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eventstac.blobs import Listed, ListedPage
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import Rules, load_rules
from eventstac.rules.applied import AppliedRules
from eventstac.rules.since import all_new
from tests.samples import START, present, url_of
from tests.twins.blobs import MemoryBlobs
from tests.twins.catalog import MemoryCatalog

RULES: Rules = load_rules(
    "collections: {scenes: {rules: [{name: scenes, pattern: 'scenes/{item}/{asset}.tif'}]}}",
    file="rules.yaml",
)
NEW = 10  # every tenth blob is not in the catalog yet


def url_at(number: int) -> str:
    return url_of(f"scenes/{number:07}/b1.tif")


@dataclass
class GeneratedBlobs(MemoryBlobs):
    """A listing of `count` blobs."""

    count: int

    def __post_init__(self) -> None:
        super().__init__()

    def page(self, container_url: str, prefix: str, continuation: str | None, size: int) -> ListedPage:
        first = int(continuation or 0)
        last = min(first + size, self.count)
        blobs = tuple(Listed(url_at(number), "0x1", 1000, START) for number in range(first, last))
        return ListedPage(blobs, str(last) if last < self.count else None, START)


class GeneratedCatalog(MemoryCatalog):
    """Knows every blob as it is, but for every tenth."""

    def __init__(self) -> None:
        super().__init__(RULES)
        match = Match("scenes", "any", "b1", "scenes")
        finding = present(match, 0, "0x1")
        self._fact = fact_of(url_at(0), finding)

    def rules(self) -> AppliedRules:
        return AppliedRules(self.revision, RULES, all_new(RULES, self.revision))

    def facts(self, urls: Sequence[str]) -> dict[str, Fact]:
        known = (url for url in urls if int(url.split("/")[-2]) % NEW)
        return {url: replace(self._fact, url=url) for url in known}
