"""Reads the .NET time spans that host.json uses."""

import re

from infra.local.functions_host.errors import BadSetting

_SPAN = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d{1,7})?))?"
)


def seconds_of(text: str, where: str) -> float:
    """Seconds of a time span such as `00:05:00` or `1.00:00:00`; negative ones stay negative."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise BadSetting(f"{where} is {text!r}; it must be a time span such as '00:05:00'.")
    hours, minutes = int(match["hours"]), int(match["minutes"])
    seconds = float(match["seconds"] or 0)
    if hours > 23 or minutes > 59 or seconds >= 60:
        raise BadSetting(f"{where} is {text!r}: hours go to 23, minutes and seconds to 59.")
    total = int(match["days"] or 0) * 86400 + hours * 3600 + minutes * 60 + seconds
    return -total if match["sign"] else total
