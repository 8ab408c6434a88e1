"""What the placeholders of patterns stand for: dates, strptime formats, any text."""

import re

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

ANY_DATE = rf"{KNOWN_GROUPS['datetime']}(?:[+-]\d\d:?\d\d)?"  # what is read without a format

# What strptime's directives stand for; the rest of a format is literal.
_DIRECTIVES = {
    "Y": r"[1-9]\d{3}",
    "y": r"\d\d",
    "m": _MONTH,
    "d": _DAY,
    "j": _DOY,
    "H": r"(?:[01]\d|2[0-3])",
    "M": r"[0-5]\d",
    "S": r"[0-5]\d",
    "f": r"\d{1,6}",
    "b": "(?i:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "B": "(?i:January|February|March|April|May|June|July|August|September|October|November|December)",
    "z": r"(?:Z|[+-]\d\d:?\d\d)",
    "%": "%",
}


def format_regex(strptime_format: str) -> str | None:
    """The expression of the texts that a strptime format reads; None where it has a directive unknown here."""
    regex, rest = "", iter(strptime_format)
    for character in rest:
        if character != "%":
            regex += re.escape(character)
            continue
        directive = _DIRECTIVES.get(next(rest, ""))
        if directive is None:
            return None
        regex += directive
    return regex


# More than any date that is read without a format: ISO 8601, after whose date Python takes almost anything; or digits,
# with anything between them that is left out.
READ_DATE = r"(?s:[0-9]{4}-[0-9W-]+.*|[TZ_: -]*(?:[0-9][TZ_: -]*){4,}(?:\.[0-9TZ_: -]*)?)"

# What Python's strptime takes for its directives is more than we would write.
_READ = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "d": "[ 0-9][0-9]?",
    "j": "[0-9]{1,3}",
    "f": "[0-9]{1,6}",
    "m": "[0-9]{1,2}",
    "H": "[0-9]{1,2}",
    "M": "[0-9]{1,2}",
    "S": "[0-9]{1,2}",
    "b": _DIRECTIVES["b"],
    "B": _DIRECTIVES["B"],
    "z": "(?:[Zz]|[+-][0-9:.]{4,})",
    "%": "%",
}
_SPACE = r"[\s\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"  # for `str`


def read_by_format(strptime_format: str) -> str | None:
    """An expression of all texts that strptime reads by a format, and more; None for a directive unknown here."""
    regex, rest = "", iter(strptime_format)
    for character in rest:
        if character == "%":
            directive = _READ.get(next(rest, ""))
            if directive is None:
                return None
            regex += directive
        else:
            regex += f"{_SPACE}+" if character.isspace() else f"(?i:{re.escape(character)})"
    return regex
