"""The Item's datetime, from the sources that its rules name, in their order."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from eventstac.compose.shown import Shown
from eventstac.errors import Rejected
from eventstac.times import from_text, to_text

Span = tuple[datetime, datetime]

SOURCE_FIELD = "eventstac:datetime_source"


def dates(data_assets: Sequence[Shown], sidecars: Sequence[Shown]) -> dict[str, Any]:
    """The Item's datetime fields; assets that differ give a null datetime with start and end.

    A datetime that only the storage's Last-Modified gives is said to be one, in `eventstac:datetime_source`. Rejected
    `no-datetime` where there is not even that: the time of processing is none.
    """
    found = [_span_of(shown, sidecars) for shown in data_assets]
    spans = [span for span, _ in found]
    start, end = min(span[0] for span in spans), max(span[1] for span in spans)
    fields: dict[str, Any]
    if start == end:
        fields = {"datetime": to_text(start)}
    else:
        fields = {"datetime": None, "start_datetime": to_text(start), "end_datetime": to_text(end)}
    if any(source == "last-modified" for _, source in found):
        fields[SOURCE_FIELD] = "last-modified"
    return fields


def _span_of(shown: Shown, sidecars: Sequence[Shown]) -> tuple[Span, str]:
    for source in shown.rule.datetime_sources:
        span = _from_source(source, shown, sidecars)
        if span:
            return span, source
    span = _last_modified(shown)
    if span is None:
        raise Rejected(
            "no-datetime",
            f"nothing tells when {shown.fact.url} was taken: neither {' nor '.join(shown.rule.datetime_sources)}, and "
            "its storage states no Last-Modified; let the rule take the datetime from the path",
        )
    return span, "last-modified"


def _from_source(source: str, shown: Shown, sidecars: Sequence[Shown]) -> Span | None:
    match source:
        case "path":
            start, end = shown.fact.match.start, shown.fact.match.end
            return (start, end or start) if start else None
        case "file":
            return _stated([shown.finding.metadata or {}])
        case "sidecar":
            return _stated(sidecar.finding.metadata or {} for sidecar in sidecars)
        case "last-modified":
            return _last_modified(shown)
        case _:
            raise ValueError(f"{source!r} is no source of a datetime")


def _stated(metadata: Iterable[Any]) -> Span | None:
    for entry in metadata:
        for stated in entry.get("datetimes", ()):
            start = from_text(stated["start"])
            return start, from_text(stated["end"]) if stated.get("end") else start
    return None


def _last_modified(shown: Shown) -> Span | None:
    stated = (shown.finding.storage or {}).get("last_modified")
    return (from_text(stated),) * 2 if stated else None
