"""The Item's datetime, from the sources that its rules name, in their order."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from eventstac.compose.shown import Shown
from eventstac.errors import Rejected
from eventstac.times import from_text, to_text

Span = tuple[datetime, datetime]
Dated = tuple[Span, str]  # and what the Item says of where it comes from: nothing of what is certain

SOURCE_FIELD = "eventstac:datetime_source"


def dates(data_assets: Sequence[Shown], sidecars: Sequence[Shown]) -> dict[str, Any]:
    """The Item's datetime fields; assets that differ give a null datetime with start and end.

    Where it may be another time than the acquisition's (the storage's Last-Modified, `TIFFTAG_DATETIME`, one end of a
    period), `eventstac:datetime_source` says which. Rejected `no-datetime` where there is not even that: the time of
    processing is none.
    """
    found = [_dated(shown, sidecars) for shown in data_assets]
    spans = [span for span, _ in found]
    start, end = min(span[0] for span in spans), max(span[1] for span in spans)
    fields: dict[str, Any]
    if start == end:
        fields = {"datetime": to_text(start)}
    else:
        fields = {"datetime": None, "start_datetime": to_text(start), "end_datetime": to_text(end)}
    doubtful = sorted({source for _, source in found if source})
    return {**fields, SOURCE_FIELD: ", ".join(doubtful)} if doubtful else fields


def _dated(shown: Shown, sidecars: Sequence[Shown]) -> Dated:
    for source in (*shown.rule.datetime_sources, "last-modified"):
        dated = _from_source(source, shown, sidecars)
        if dated:
            return dated
    raise Rejected(
        "no-datetime",
        f"nothing tells when {shown.fact.url} was taken: neither {' nor '.join(shown.rule.datetime_sources)}, and "
        "its storage states no Last-Modified; let the rule take the datetime from the path",
    )


def _from_source(source: str, shown: Shown, sidecars: Sequence[Shown]) -> Dated | None:
    match source:
        case "path":
            start, end = shown.fact.match.start, shown.fact.match.end
            return ((start, end or start), "") if start else None
        case "file":
            return _stated([shown.finding.metadata or {}])
        case "sidecar":
            return _stated(sidecar.finding.metadata or {} for sidecar in sidecars)
        case "last-modified":
            stated = (shown.finding.storage or {}).get("last_modified")
            return ((from_text(stated),) * 2, "last-modified") if stated else None
        case _:
            raise ValueError(f"{source!r} is no source of a datetime")


def _stated(metadata: Iterable[Any]) -> Dated | None:
    for entry in metadata:
        for stated in entry.get("datetimes", ()):
            start = from_text(stated["start"])
            end = from_text(stated["end"]) if stated.get("end") else start
            return (start, end), stated["source"] if stated.get("doubtful") else ""
    return None
