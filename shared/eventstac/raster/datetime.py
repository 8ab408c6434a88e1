"""When an image was taken, as far as the file says so: never the time of processing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eventstac.errors import Rejected
from eventstac.raster.time_axis import axis_span, foreign_calendar, values_tag
from eventstac.raster.time_texts import Span, parse, rfc3339

Tags = Mapping[str, str]
_Named = Mapping[
    str, tuple[str, str]
]  # of a name without prefixes, in capitals: as the file has it, and its text
_Moment = tuple[str, ...]  # the tags that say one moment together: alone, or a date's and its time's

# In order of trust: what the sensor did, what the product covers.
_INSTANTS: tuple[_Moment, ...] = (
    ("ACQUISITIONDATETIME",),
    ("ACQUISITION_DATETIME",),
    ("ACQUISITION_DATE_TIME",),
    ("SENSING_TIME",),
    ("PRODUCT_ACQUISITION_TIME",),
    ("ACQUISITION_DATE", "ACQUISITION_TIME"),
    ("ACQUISITION_TIME",),
    ("DATE_ACQUIRED", "SCENE_CENTER_TIME"),
    ("ACQUISITION_DATE",),
    ("DATE_ACQUIRED",),
    ("EXIF_DateTimeOriginal",),
    ("datetime",),
)
_PERIODS: tuple[tuple[_Moment, _Moment], ...] = (
    (("start_datetime",), ("end_datetime",)),
    (("time_coverage_start",), ("time_coverage_end",)),
    (("PRODUCT_START_TIME",), ("PRODUCT_STOP_TIME",)),
    (("RANGEBEGINNINGDATETIME",), ("RANGEENDINGDATETIME",)),
    (("DATATAKE_1_DATATAKE_SENSING_START",), ("DATATAKE_1_DATATAKE_SENSING_STOP",)),
    (("RANGEBEGINNINGDATE", "RANGEBEGINNINGTIME"), ("RANGEENDINGDATE", "RANGEENDINGTIME")),
    (("RANGEBEGINNINGDATE",), ("RANGEENDINGDATE",)),
)
# Other times than the acquisition's, maybe: of a film's scan; of writing the file, which some software means.
_DOUBTFUL: tuple[_Moment, ...] = (("EXIF_DateTimeDigitized",), ("TIFFTAG_DATETIME",))
# What EXIF 2.31 has beside a time: its fraction of a second, its zone.
_BESIDE = {
    "EXIF_DateTimeOriginal": ("EXIF_SubSecTime_Original", "EXIF_OffsetTimeOriginal"),
    "EXIF_DateTimeDigitized": ("EXIF_SubSecTime_Digitized", "EXIF_OffsetTimeDigitized"),
}
_ZONE = re.compile(r"Z|[+-](0\d|1[0-4]):?[0-5]\d", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1850, 2200  # of photographs; others are mostly fillers (0001, 1601, 9999)
_DIGITS = frozenset("123456789")
_AROUND = " \t\r\n\0\"'"  # a text
_LONGEST_TEXT = 100
_NO_TIME = "not understood as a time; write it as in 2024-06-01T12:00:00Z"
_OTHER_YEARS = f"not within {_FIRST_YEAR} to {_LAST_YEAR}"


def datetimes(domains: Mapping[str, Tags]) -> list[dict[str, Any]]:
    """What the metadata domains of a file ("" is the default one) say: `{source, start, end}`, most trusted first.

    Times are RFC 3339 in UTC; a time without a zone is taken as UTC, a bare date as that whole day. `doubtful` stands
    where it may be another time than the acquisition's: the Item then names the source.
    """
    named = {domain: _by_name(tags) for domain, tags in domains.items()}
    found = []
    for domain, tags in domains.items():
        found += [_entry(domain, source, axis_span(tags, name)) for name, source in _axes(tags)]
        found += [_period(domain, named[domain], *pair) for pair in _PERIODS]
        found += [_instant(domain, named[domain], moment) for moment in _INSTANTS]
    found += [_lone_end(domain, named[domain], *pair) for domain in domains for pair in _PERIODS]
    for moment in _DOUBTFUL:
        found += [_instant(domain, tags, moment, doubtful=True) for domain, tags in named.items()]
    return sorted((entry for entry in found if entry), key=lambda entry: "doubtful" in entry)


def datetime_problem(domains: Mapping[str, Tags], found: Sequence[Mapping[str, Any]]) -> Rejected | None:
    """What tags should say when the image was taken, but say in no spelling that is understood.

    None where there is none, or one of the `datetimes` found is certain.
    """
    if not all(stated.get("doubtful") for stated in found):
        return None
    moments = (*_INSTANTS, *(moment for pair in _PERIODS for moment in pair))
    if not found:
        moments += _DOUBTFUL  # better than none
    unclear = [said for domain, tags in domains.items() for said in _unclear(domain, tags, moments)]
    if not unclear:
        return None
    return Rejected(
        "datetime-not-understood",
        f"{'; '.join(unclear)}. The rule can take the datetime from the path instead",
    )


def _unclear(domain: str, tags: Tags, moments: Sequence[_Moment]) -> list[str]:
    named = _by_name(tags)
    stated = {part.upper() for moment in moments for part in moment}
    clear = {part.upper() for moment in moments if _instant(domain, named, moment) for part in moment}
    read = {part.upper() for moment in moments if _span(named, moment) for part in moment}
    # Fillers such as 0000:00:00 and "n/a" state nothing.
    said = [name for name in sorted(stated & named.keys() - clear) if not _DIGITS.isdisjoint(named[name][1])]
    why = [(*named[name], _OTHER_YEARS if name in read else _NO_TIME) for name in said] + _backwards(named)
    for name, values in _axes(tags):
        calendar = foreign_calendar(tags, name)
        if calendar:
            why.append((calendar, tags[calendar], "its days are not those of the standard calendar"))
        elif axis_span(tags, name) is None and not _DIGITS.isdisjoint(tags[name] + tags[values]):
            why.append((name, tags[name], _NO_TIME))
    prefix = f"{domain}:" if domain else ""
    return [f"{prefix}{name} is {text[:_LONGEST_TEXT]!r}: {reason}" for name, text, reason in why]


def _backwards(tags: _Named) -> list[tuple[str, str, str]]:
    """The periods that begin after their end: name and text of the start, and why it is not taken."""
    found: dict[str, tuple[str, str, str]] = {}
    for first, last in _PERIODS:
        start, end = _span(tags, first), _span(tags, last)
        if start and end and end[1] < start[0]:
            name, other = (tags[moment[0].upper()][0] for moment in (first, last))
            text, until = ("T".join(_text(tags, part) for part in moment) for moment in (first, last))
            found.setdefault(name, (name, text, f"later than {other}, {until[:_LONGEST_TEXT]!r}"))
    return list(found.values())


def _by_name(tags: Tags) -> _Named:
    """Tags by their names without the prefixes that netCDF and HDF put in front (`NC_GLOBAL#`)."""
    return {name.rsplit("#", 1)[-1].upper(): (name, text) for name, text in tags.items()}


def _axes(tags: Tags) -> Iterator[tuple[str, str]]:
    """The tags that hold the units of a time axis, and those that hold its values."""
    for name in tags:
        source = values_tag(tags, name)
        if source:
            yield name, source


def _entry(domain: str, name: str, span: Span | None, *, doubtful: bool = False) -> dict[str, Any] | None:
    if span is None or span[1] < span[0] or not _FIRST_YEAR <= span[0].year <= _LAST_YEAR:
        return None
    source = f"{domain}:{name}" if domain else name
    entry = {"source": source, "start": rfc3339(span[0]), "end": rfc3339(span[1])}
    return {**entry, "doubtful": True} if doubtful else entry


def _text(tags: _Named, name: str) -> str:
    return tags.get(name.upper(), ("", ""))[1].strip(_AROUND)


def _span(tags: _Named, moment: _Moment) -> Span | None:
    if not all(name.upper() in tags for name in moment) or _may_be_a_clock(tags, moment):
        return None
    text = "T".join(_text(tags, name) for name in moment)
    fraction, zone = _beside(tags, moment)
    fraction = f".{fraction}" if fraction.isascii() and fraction.isdecimal() else ""
    zone = zone if _ZONE.fullmatch(zone) else ""
    # The text may have a fraction or a zone of its own.
    return next((span for end in (fraction + zone, zone, fraction, "") if (span := parse(text + end))), None)


def _may_be_a_clock(tags: _Named, moment: _Moment) -> bool:
    """Whether digits that read as a day may be a time of the day stated beside them: 1900123 is 19:00:12.3 too."""
    beside_date = moment == ("ACQUISITION_TIME",) and _text(tags, "ACQUISITION_DATE")
    return bool(beside_date) and _text(tags, "ACQUISITION_TIME").isdecimal()


def _beside(tags: _Named, moment: _Moment) -> tuple[str, str]:
    """The texts of the fraction of a second and of the zone that tags beside a time state."""
    if moment[0] not in _BESIDE:
        return "", ""
    fraction, zone = _BESIDE[moment[0]]
    return _text(tags, fraction), _text(tags, zone)


def _has_odd_zone(tags: _Named, moment: _Moment) -> bool:
    """Whether the time is that of a zone which is not understood (`+9:00`): hours from UTC, maybe."""
    _, zone = _beside(tags, moment)
    return not _ZONE.fullmatch(zone) and not _DIGITS.isdisjoint(zone)


def _instant(domain: str, tags: _Named, moment: _Moment, *, doubtful: bool = False) -> dict[str, Any] | None:
    span = _span(tags, moment)
    doubtful = doubtful or _has_odd_zone(tags, moment)
    return _entry(domain, tags[moment[0].upper()][0], span, doubtful=doubtful) if span else None


def _period(domain: str, tags: _Named, first: _Moment, last: _Moment) -> dict[str, Any] | None:
    start, end = _span(tags, first), _span(tags, last)
    return _entry(domain, tags[first[0].upper()][0], (start[0], end[1])) if start and end else None


def _lone_end(domain: str, tags: _Named, first: _Moment, last: _Moment) -> dict[str, Any] | None:
    """One end of a period whose other end is not stated, as a moment: STAC wants both of a period, or none."""
    start, end = _instant(domain, tags, first, doubtful=True), _instant(domain, tags, last, doubtful=True)
    return None if start and end else start or end
