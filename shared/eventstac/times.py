"""Instants as text: RFC 3339 in UTC, one spelling for each instant."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """An aware datetime as `2018-07-01T00:00:00Z`, with microseconds only where there are any."""
    text = moment.astimezone(UTC).isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Read an RFC 3339 instant (up to nine decimals, as Event Grid writes seven); ValueError for anything else.

    Its `T` and `Z` may be small letters.
    """
    text = text.strip().upper()
    whole, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{whole}.{rest[:digits][:6]}{rest[digits:]}"
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is in no year from 1 to 9999 of UTC") from error
