"""Writes what happens as JSON lines on standard output."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_LEVELS = {
    "Trace": logging.DEBUG, "Debug": logging.DEBUG, "Information": logging.INFO, "Warning": logging.WARNING,
    "Error": logging.ERROR, "Critical": logging.CRITICAL, "None": logging.CRITICAL + 10,
}  # fmt: skip
# The SDKs tell about every frame and request at INFO; on Azure that is not collected from the host's side either.
_QUIET = ("azure", "aiohttp.access", "asyncio")


def _current_invocation() -> str | None:
    """The invocation that the calling code belongs to, on the loop or in the thread pool."""
    # Not imported here: the host logs too, and never loads the worker library. None while it is being imported.
    variable = getattr(sys.modules.get("azure_functions_runtime"), "invocation_id_cv", None)
    return variable.get() if variable else None


class JsonLines(logging.Formatter):
    """One JSON object a line; `extra={"event": …}` fields of the host's own records come as they are."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = getattr(record, "fields", None)
        if fields is None:
            line["message"] = record.getMessage()
            line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        else:
            line["event"] = record.getMessage()
            line |= fields
        if "invocation" not in line and (invocation := _current_invocation()):
            line["invocation"] = invocation
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(level: str = "Information") -> None:
    """Send every logger of the process to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=_LEVELS.get(level, logging.INFO), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


_host = logging.getLogger("functions_host")


def event(
    name: str, level: int = logging.INFO, exception: BaseException | None = None, /, **fields: Any
) -> None:
    """Log one event of the host with stable keys."""
    _host.log(level, name, extra={"fields": fields}, exc_info=exception)
