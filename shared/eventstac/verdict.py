"""What is said of where one blob is: in words, and as JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from eventstac.evidence import Evidence
from eventstac.times import to_text

Verdict = Literal[
    "not in storage", "ignored", "no rule", "waiting", "rejected", "incomplete", "stale", "searchable"
]


@dataclass(frozen=True)
class Whereabouts:
    """The verdict about a blob, with the sentence that explains it."""

    verdict: Verdict
    why: str
    stage: str | None = None
    since: datetime | None = None
    missing: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The verdict as people read it: `waiting at extractor since …`, `incomplete (missing red)`."""
        if self.verdict == "waiting":
            return f"waiting at {self.stage}" + (f" since {to_text(self.since)}" if self.since else "")
        if self.verdict == "incomplete":
            return f"incomplete (missing {', '.join(self.missing)})"
        return self.verdict


def to_json(evidence: Evidence, found: Whereabouts) -> dict[str, Any]:
    """The verdict and what it rests on, for programs."""
    fact, look = evidence.fact, evidence.look
    claim = fact.claim if fact and not fact.is_refused else None
    return {
        "url": evidence.url,
        "verdict": found.verdict,
        "text": found.text,
        "why": found.why,
        "stage": found.stage,
        "since": found.since.isoformat() if found.since else None,
        "storage": {"state": look.state, "etag": look.etag, "size": look.size} if look else None,
        "collection": fact.match.collection if fact else None,
        "item": fact.match.item if fact else None,
        "asset": fact.match.asset if fact else None,
        "kind": ("cog" if claim else "source") if fact else None,
        "cog_of": {"source_url": claim.source_url, "said": claim.said.isoformat()} if claim else None,
        "missing": list(evidence.item.missing) if evidence.item else [],
        "timeline": [
            {"stage": stage.stage, "at": stage.at.isoformat()}
            for stage in (fact.finding.timeline if fact else ())
        ],
        "waiting": [
            {"stage": one.stage, "since": one.since.isoformat(), "attempt": one.attempt}
            for one in evidence.queued
            if not one.dead_letter_reason
        ],
        "service_bus": evidence.bus_away or "answers",
        "rejections": [
            {"stage": one.stage, "reason": one.reason, "detail": one.detail, "state": one.state}
            for one in evidence.rejections
        ],
    }
