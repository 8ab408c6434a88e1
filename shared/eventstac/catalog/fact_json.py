"""A fact as the document that its row keeps."""

from typing import Any

from eventstac.events import timeline as timelines
from eventstac.facts import Claim, Content, Fact, Finding, Match
from eventstac.fields import Fields
from eventstac.times import to_text


def fact_to_json(fact: Fact) -> dict[str, Any]:
    """The document of a fact."""
    claim = fact.claim
    return {
        "url": fact.url,
        "finding": _finding_to_json(fact.finding),
        "claim": None
        if claim is None
        else {
            "source_url": claim.source_url,
            "source_etag": claim.source_etag,
            "match": claim.match.to_json("cog"),
            "revision": claim.revision,
            "seen": to_text(claim.said),
        },
        "contents": [
            {
                "etag": content.etag,
                "seen": to_text(content.seen),
                "size": content.size,
                "md5": content.md5,
                "checksum": content.checksum,
            }
            for content in fact.contents
        ],
        # Named for what it was: versions before kept only a reading, also of a blob that is gone.
        "last_good": _finding_to_json(fact.unrejected) if fact.unrejected else None,
    }


def fact_from_json(document: Any) -> Fact:
    """Read what `fact_to_json` wrote."""
    fields = Fields(document, "fact")
    claim, unrejected = fields.optional_nested("claim"), fields.optional_nested("last_good")
    finding = _finding(fields.nested("finding"))
    return Fact(
        url=fields.text("url"),
        finding=finding,
        claim=_claim(claim) if claim else None,
        contents=tuple(_content(content) for content in fields.items("contents")),
        unrejected=_finding(unrejected) if unrejected and finding.state == "rejected" else None,
    )


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    return {
        "match": finding.match.to_json("source"),
        "revision": finding.revision,
        "extractor": finding.extractor,
        "state": finding.state,
        "seen": to_text(finding.seen),
        "etag": finding.etag,
        "storage": finding.storage,
        "metadata": finding.metadata,
        "thumbnail": finding.thumbnail,
        "reason": finding.reason,
        "detail": finding.detail,
        "timeline": timelines.to_json(finding.timeline),
    }


def _finding(fields: Fields) -> Finding:
    return Finding(
        match=Match.from_json(fields.nested("match")),
        revision=fields.integer("revision"),
        state=fields.one_of("state", "present", "gone", "rejected"),  # type: ignore[arg-type]  # one of the Literal's
        seen=fields.moment("seen"),
        etag=fields.text("etag"),
        storage=fields.optional_mapping("storage"),
        metadata=fields.optional_mapping("metadata"),
        thumbnail=fields.optional_text("thumbnail"),
        reason=fields.text("reason"),
        detail=fields.text("detail"),
        timeline=timelines.read(fields),
        extractor=fields.optional_integer("extractor") or 0,
    )


def _claim(fields: Fields) -> Claim:
    return Claim(
        source_url=fields.text("source_url"),
        match=Match.from_json(fields.nested("match")),
        revision=fields.integer("revision"),
        said=fields.moment("seen"),
        source_etag=fields.text("source_etag"),
    )


def _content(fields: Fields) -> Content:
    return Content(
        etag=fields.text("etag"),
        seen=fields.moment("seen"),
        size=fields.optional_integer("size"),
        md5=fields.optional_text("md5"),
        checksum=fields.optional_text("checksum"),
    )
