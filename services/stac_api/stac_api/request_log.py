"""Names the request that a line of the log belongs to, whoever writes the line."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from eventstac.origin import Origin


class RequestNames(NamedTuple):
    """How a request is known elsewhere: the id in its answer, the trace that its client gave, and its own span."""

    request_id: str
    traceparent: str | None
    span: Origin | None = None


current: ContextVar[RequestNames | None] = ContextVar("stac_api_request", default=None)


class _NamingFactory:
    """Makes log records as the factory before it did; those of a request get its names as attributes."""

    def __init__(self) -> None:
        self._make = logging.getLogRecordFactory()

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        names = current.get()
        if names is not None:
            record.request_id, record.traceparent = names.request_id, names.traceparent
            if names.span is not None:
                record.trace_id, record.span_id = names.span.trace, names.span.span
        return record


def name_requests() -> None:
    """From now on every record made during a request bears its names: a driver's and an SDK's too.

    A filter would have to be on each logger, or on handlers, which belong to the host.
    """
    if not isinstance(logging.getLogRecordFactory(), _NamingFactory):
        logging.setLogRecordFactory(_NamingFactory())


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what was given as `extra`."""

    def __init__(self) -> None:
        super().__init__()
        self._second, self._written = -1, ""  # the last one, of many lines as like as not

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        line: dict[str, Any] = {
            "time": f"{self._written_second(int(record.created))}.{int(record.msecs):03}+00:00",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line, default=str, option=_AS_TEXT).decode()
        except TypeError:  # a number of more than 64 bits, half a character
            return json.dumps(line, default=str, ensure_ascii=False)

    def _written_second(self, second: int) -> str:
        if second != self._second:
            self._written = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
            self._second = second
        return self._written


_AS_TEXT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "color_message",
}
