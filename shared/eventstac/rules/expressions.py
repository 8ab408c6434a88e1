"""What the placeholders of patterns stand for: dates, any text."""

_TIME = r"[T_-]?(?:[01]\d|2[0-3])[-_:]?[0-5]\d(?:[-_:]?[0-5]\d(?:\.\d+)?)?Z?"
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1[89]|20)\d\d"
_DOY = r"(?:0(?:0[1-9]|[1-9]\d)|[12]\d\d|3(?:[0-5]\d|6[0-6]))"

# What a placeholder of this name stands for where the pattern does not say. The others: no slash, at least one.
KNOWN_GROUPS = {
    "year": _YEAR,
    "month": _MONTH,
    "day": _DAY,
    "doy": _DOY,
    "date": rf"{_YEAR}(?:-{_MONTH}-{_DAY}|_{_MONTH}_{_DAY}|{_MONTH}{_DAY}|{_DOY}|[-_]?{_MONTH})?",
}
for _name in ("datetime", "start", "end"):
    KNOWN_GROUPS[_name] = rf"{KNOWN_GROUPS['date']}(?:{_TIME})?"

ANY_GROUP = r"[^/]+"

ANY_DATE = rf"{KNOWN_GROUPS['datetime']}(?:[+-]\d\d:?\d\d)?"  # what one would write without a format
