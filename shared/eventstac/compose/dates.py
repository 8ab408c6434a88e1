"""The Item's datetime, from the sources that its rules name, in their order."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from eventstac.compose.shown import Shown
from eventstac.errors import Rejected
from eventstac.times import from_text, to_text

Span = tuple[datetime, datetime]
Dated = tuple[Span, str]  # and what the Item says of where it comes from: nothing of what is certain

SOURCE_FIELD = "eventstac:datetime_source"
_LAST_RESORT = "last-modified"
_HALF_A_SECOND = timedelta(seconds=0.5)


def dates(data_assets: Sequence[Shown], sidecars: Sequence[Shown]) -> dict[str, Any]:
    """The Item's datetime fields; assets that differ give start and end, with the moment that a rule names, or null.

    Certain times alone count where there is one, else those that may be another time than the acquisition's
    (`TIFFTAG_DATETIME`, one end of a period), else the earliest of the storage's Last-Modified: uploads are no period,
    and what is added later does not move it. `eventstac:datetime_source` says where a time that is not certain is
    from. Rejected `no-datetime` where there is not even that: the time of processing is none.
    """
    found = [dated for shown in data_assets if (dated := _dated(shown, sidecars))]
    if not found:
        raise _undated(data_assets[0])
    best = min(_doubt(source) for _, source in found)
    spans = [span for span, source in found if _doubt(source) == best]
    start, end = min(span[0] for span in spans), max(span[1] for span in spans)
    sources = sorted({source for _, source in found if source and _doubt(source) == best})
    if sources == [_LAST_RESORT]:
        end = start
    fields: dict[str, Any]
    if start == end:
        fields = {"datetime": to_text(start)}
    else:
        nominal = next((each for shown in data_assets if (each := shown.rule.nominal_datetime)), None)
        moment = to_text(moment_of(start, end, nominal)) if nominal else None
        fields = {"datetime": moment, "start_datetime": to_text(start), "end_datetime": to_text(end)}
    return {**fields, SOURCE_FIELD: ", ".join(sources)} if sources else fields


def moment_of(start: datetime, end: datetime, nominal: Literal["start", "middle", "end"]) -> datetime:
    """The moment that stands for a period; the middle of whole seconds is one, too: of a day, noon."""
    match nominal:
        case "start":
            return start
        case "end":
            return end
    middle = start + (end - start) / 2
    if start.microsecond or end.microsecond:
        return middle
    return (middle + _HALF_A_SECOND).replace(microsecond=0)


def _doubt(source: str) -> int:
    """How little a time is worth by its source: 0 for a certain one."""
    return {"": 0, _LAST_RESORT: 2}.get(source, 1)


def _dated(shown: Shown, sidecars: Sequence[Shown]) -> Dated | None:
    found = (_from_source(source, shown, sidecars) for source in (*shown.rule.datetime_sources, _LAST_RESORT))
    return next(filter(None, found), None)


def _undated(shown: Shown) -> Rejected:
    return Rejected(
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
            return ((from_text(stated),) * 2, _LAST_RESORT) if stated else None
        case _:
            raise ValueError(f"{source!r} is no source of a datetime")


def _stated(metadata: Iterable[Any]) -> Dated | None:
    for entry in metadata:
        for stated in entry.get("datetimes", ()):
            start = from_text(stated["start"])
            end = from_text(stated["end"]) if stated.get("end") else start
            return (start, end), stated["source"] if stated.get("doubtful") else ""
    return None
