"""What comparing storage, facts and catalog found: counts for each collection, and how complete the catalog is."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

Outcome = Literal["matched", "unmatched", "ignored", "unclaimed"]

REMOVAL_SHARE = 0.05  # of the Items; more than this looks like a mistake, not like deletions
REMOVAL_COUNT = 1000
SAMPLES = 20


def removal_limit(items: int, allowed: int | None) -> int:
    """How many Items a run may remove without being told to."""
    return allowed if allowed is not None else min(REMOVAL_COUNT, int(items * REMOVAL_SHARE))


def removable_surplus(surplus: Mapping[str, int], items: Mapping[str, int], allowed: int | None) -> set[str]:
    """The Collections whose surplus Items may be removed, given how many there are, and how many others, by Collection.

    No file brings such an Item back. So each Collection has a limit of its own, whatever else is in the catalog; what
    was `allowed` is enough for all of them, or for none.
    """
    if allowed is not None:
        return set(surplus) if sum(surplus.values()) <= allowed else set()
    return {name for name, count in surplus.items() if count <= removal_limit(items.get(name, 0), None)}


@dataclass(frozen=True)
class CollectionReport:
    """One collection: its blobs by how they compare, and its Items.

    Of the listed blobs, `current` and `rejected` ones are known as they are, `stale` ones at another ETag or by older
    rules, `missing` ones not at all; `withdrawn` ones are shown though no rule matches them any more; `lost_blobs` are
    known and their Item is not in the catalog. `orphaned` blobs are known and not listed, `unwatched` ones shown though
    their container is no source (any more). `items` should be in the catalog: `lost` of them are not (as they should
    be); `surplus` ones are in it and should not.
    """

    collection: str
    current: int = 0
    rejected: int = 0
    stale: int = 0
    missing: int = 0
    orphaned: int = 0
    withdrawn: int = 0
    unwatched: int = 0
    lost_blobs: int = 0
    items: int = 0
    incomplete: int = 0
    conflicting: int = 0
    unpublishable: int = 0
    lost: int = 0
    surplus: int = 0

    @property
    def matched(self) -> int:
        """The listed blobs that belong to the collection by rule, or as a COG."""
        return self.current + self.rejected + self.stale + self.missing + self.lost_blobs

    @property
    def blobs(self) -> int:
        """The listed blobs that belong to it or are still shown in it."""
        return self.matched + self.withdrawn

    @property
    def has_gap(self) -> bool:
        """Whether storage and catalog differ."""
        differing = (self.stale, self.missing, self.orphaned, self.withdrawn, self.unwatched)
        return any((*differing, self.lost, self.surplus))

    @property
    def completeness(self) -> float:
        """Percent of what is listed, known or shown that the catalog has as the storage has it.

        A rejected blob counts as known: the catalog says why it is not shown.
        """
        everything = self.blobs + self.orphaned + self.unwatched + self.surplus
        if not everything:
            return 0.0 if self.lost else 100.0
        percent = 100 * (self.current + self.rejected) / everything
        return 100.0 if not self.has_gap else min(round(percent, 2), 99.99)

    def to_json(self) -> dict[str, Any]:
        """All counts."""
        found = asdict(self)
        return {
            "collection": found.pop("collection"),
            "blobs": self.blobs,
            "matched": self.matched,
            **found,
            "completeness": self.completeness,
        }


@dataclass(frozen=True)
class Report:
    """What a comparison found.

    `removals` are the Items that would leave the catalog because of their blobs or of rules, `removal_limit` how many
    may. `surplus_kept` are the surplus ones that stay; `blobs_kept` the stale and missing blobs that are not looked at,
    since that would remove more than may be.
    """

    revision: int
    listed: int = 0
    unmatched: int = 0
    ignored: int = 0
    unclaimed: int = 0
    samples: tuple[str, ...] = ()
    collections: tuple[CollectionReport, ...] = ()
    removals: int = 0
    removal_limit: int = 0
    surplus_kept: int = 0
    blobs_kept: int = 0

    @property
    def items(self) -> int:
        """The Items that should be in the catalog."""
        return sum(each.items for each in self.collections)

    @property
    def surplus(self) -> int:
        """The Items that are in the catalog and should not."""
        return sum(each.surplus for each in self.collections)

    @property
    def has_gap(self) -> bool:
        """Whether storage and catalog differ."""
        return any(each.has_gap for each in self.collections)

    def mends(self, *, removes: bool) -> bool:
        """Whether a reconcile closes any of the gap; `removes`: it stays within the limit of removals."""
        all_of = _sum(self.collections)
        leaving = all_of.orphaned + all_of.withdrawn + self.surplus - self.surplus_kept if removes else 0
        looked_at = all_of.stale + all_of.missing - self.blobs_kept
        # each is counted at a moment of its own, so that a difference may be less than nothing
        return any(count > 0 for count in (looked_at, all_of.lost, leaving))

    def kept_surplus(self, allowed: int | None) -> dict[str, int]:
        """How many surplus Items a reconcile leaves, by Collection; `allowed` as for `removable_surplus`."""
        surplus = {each.collection: each.surplus for each in self.collections if each.surplus}
        items = {each.collection: each.items for each in self.collections}
        removable = removable_surplus(surplus, items, allowed)
        return {name: count for name, count in surplus.items() if name not in removable}

    @property
    def completeness(self) -> float:
        """That of all collections together."""
        return _sum(self.collections).completeness

    def to_json(self) -> dict[str, Any]:
        """All counts, for programs and for the run's row."""
        return {
            "revision": self.revision,
            "listed": self.listed,
            "unmatched": self.unmatched,
            "unmatched_samples": list(self.samples),
            "ignored": self.ignored,
            "unclaimed": self.unclaimed,
            "collections": [each.to_json() for each in self.collections],
            "completeness": self.completeness,
            "gap": self.has_gap,
            "removals": self.removals,
            "removal_limit": self.removal_limit,
            "surplus_kept": self.surplus_kept,
            "blobs_kept": self.blobs_kept,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Report":
        """Read what `to_json` wrote."""
        return cls(
            **{
                "revision": 0,
                **_known(cls, found),
                "samples": tuple(found.get("unmatched_samples", ())),
                "collections": tuple(
                    CollectionReport(**_known(CollectionReport, each))
                    for each in found.get("collections", ())
                ),
            }
        )


@dataclass
class Tally:
    """Collects counts into a report."""

    revision: int
    totals: dict[str, int] = field(default_factory=dict)
    by_collection: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, collection: str | None, name: str, count: int = 1) -> None:
        """Count something of a collection, or (None) of the listing as a whole."""
        counts = self.totals if collection is None else self.by_collection.setdefault(collection, {})
        counts[name] = counts.get(name, 0) + count

    def report(self, samples: Iterable[str]) -> Report:
        """The report; collections in the order of their ids."""
        collections = tuple(
            CollectionReport(collection, **counts)
            for collection, counts in sorted(self.by_collection.items())
        )
        return Report(self.revision, **self.totals, samples=tuple(samples), collections=collections)


def _sum(collections: Iterable[CollectionReport]) -> CollectionReport:
    names = [each.name for each in fields(CollectionReport) if each.name != "collection"]
    collections = tuple(collections)
    return CollectionReport("", **{name: sum(getattr(each, name) for each in collections) for name in names})


def _known(report: type[Report | CollectionReport], found: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was written, maybe by another version, what a report has."""
    names = {each.name for each in fields(report)}
    return {name: value for name, value in found.items() if name in names}
