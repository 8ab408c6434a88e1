"""Six-field NCRONTAB expressions: second, minute, hour, day, month, day of the week, in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.local.functions_host.errors import AppRefused

_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6,
    "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12,
}  # fmt: skip
_DAYS = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}
_HORIZON = timedelta(days=366 * 41)  # 29 February on a given weekday: up to 40 years, across 2100


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: dict[str, int]


_FIELDS = (
    _Field("second", 0, 59, {}),
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)


@dataclass(frozen=True)
class Schedule:
    """The values that each field allows, in order; a moment fires when all six allow it."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @property
    def fires_within_a_minute(self) -> bool:
        """Whether two runs can be less than a minute apart."""
        return len(self.seconds) > 1

    def after(self, moment: datetime) -> datetime:
        """The first occurrence later than `moment`, in UTC, on a whole second."""
        start = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        while day - start < _HORIZON:
            if self._allows(day):
                earliest = start if day <= start else day
                for time in self._times(earliest):
                    return time
            day += timedelta(days=1)
        raise AppRefused(f"The schedule {self.text!r} never fires.")

    def _allows(self, day: datetime) -> bool:
        return day.day in self.days and day.month in self.months and day.isoweekday() % 7 in self.weekdays

    def _times(self, earliest: datetime) -> list[datetime]:
        """At most one moment: the first of this day that is not before `earliest`."""
        clock = (earliest.hour, earliest.minute, earliest.second)
        for hour in self.hours:
            if hour < clock[0]:
                continue
            for minute in self.minutes:
                if (hour, minute) < clock[:2]:
                    continue
                for second in self.seconds:
                    if (hour, minute, second) >= clock:
                        return [earliest.replace(hour=hour, minute=minute, second=second)]
        return []


def parse(text: str, where: str) -> Schedule:
    """Read an expression of six fields, or five (then at second 0). Raises AppRefused naming the field."""
    parts = text.split()
    if len(parts) == 5:
        parts.insert(0, "0")
    if len(parts) != 6:
        raise AppRefused(
            f"{where}: the schedule {text!r} must have six fields: second minute hour day month day-of-week."
        )
    values = (_values(part, spec, where) for part, spec in zip(parts, _FIELDS, strict=True))
    schedule = Schedule(text, *values)
    schedule.after(datetime(2000, 1, 1, tzinfo=UTC))  # refuses 30 February now, not at run time
    return schedule


def _values(text: str, spec: _Field, where: str) -> tuple[int, ...]:
    allowed: set[int] = set()
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        first, last = _span(span, bool(step_text), spec, where)
        step = _number(step_text, spec, where) if step_text else 1
        if step < 1 or first > last:
            raise AppRefused(f"{where}: {part!r} is no range of the schedule's field {spec.name!r}.")
        allowed.update(range(first, last + 1, step))
    return tuple(sorted(allowed))


def _span(text: str, stepped: bool, spec: _Field, where: str) -> tuple[int, int]:
    if text == "*":
        return spec.lowest, spec.highest
    first, dash, last = text.partition("-")
    start = _bounded(first, spec, where)
    if dash:
        return start, _bounded(last, spec, where)
    return start, spec.highest if stepped else start


def _bounded(text: str, spec: _Field, where: str) -> int:
    value = spec.names.get(text.upper()[:3]) if text.isalpha() else _number(text, spec, where)
    if value is None or not spec.lowest <= value <= spec.highest:
        raise AppRefused(
            f"{where}: {text!r} is out of the schedule's field {spec.name!r} ({spec.lowest} to {spec.highest})."
        )
    return value


def _number(text: str, spec: _Field, where: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise AppRefused(f"{where}: {text!r} is no number in the schedule's field {spec.name!r}.")
    return int(text)
