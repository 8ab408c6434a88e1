"""Telemetry into files: one JSON line for each span, and for each figure."""

import errno
import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from eventstac.telemetry.recorder import Recorder

LIMIT_BYTES = 64 * 1024 * 1024  # then it is renamed to NAME.1, in the place of an older one
_EVERY_MS = 10_000


def open_files(app: str, folder: str, tell: Callable[[str], None]) -> Recorder:
    """Telemetry of an app into `FOLDER/APP.spans.jsonl` and `FOLDER/APP.figures.jsonl`.

    Raises OSError where there can be no such folder; `tell` hears of a file that cannot be written.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
    spans = SpanFile(Lines(Path(folder, f"{app}.spans.jsonl"), tell), app)
    figures = FigureFile(Lines(Path(folder, f"{app}.figures.jsonl"), tell), app)
    reader = PeriodicExportingMetricReader(figures, export_interval_millis=_EVERY_MS)
    # At once: a killed process has told what it did.
    return Recorder(app, SimpleSpanProcessor(spans), [reader])


class Lines:
    """A file to which JSON lines are added, each in one write; what it does not take is lost, and told of once."""

    def __init__(self, path: Path, tell: Callable[[str], None], limit_bytes: int = LIMIT_BYTES) -> None:
        self._path, self._tell, self._limit_bytes = path, tell, limit_bytes
        self._lock = threading.Lock()
        self._has_told = False
        self._file: TextIO | None = None

    def add(self, documents: Sequence[dict[str, Any]]) -> None:
        """Add documents, a line each."""
        text = "".join(json.dumps(document, ensure_ascii=False, default=str) + "\n" for document in documents)
        with self._lock:
            try:
                self._write(text)
            except OSError as error:
                self._close()
                if not self._has_told:
                    self._tell(f"{self._path}: {error.strerror}")
                self._has_told = True

    def _write(self, text: str) -> None:
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8", errors="replace")
            if _ends_within_a_line(self._path):
                text = "\n" + text
        self._file.write(text)
        self._file.flush()
        if self._file.tell() > self._limit_bytes:
            self._close()
            self._path.replace(self._path.with_suffix(".1.jsonl"))

    def _close(self) -> None:
        file, self._file = self._file, None
        if file:
            with suppress(OSError):  # of what a full disk did not take
                file.close()

    def close(self) -> None:
        """Close the file; what is added later opens it again."""
        with self._lock:
            self._close()


def _ends_within_a_line(path: Path) -> bool:
    """As a full disk leaves it, or a process that was killed: the next line would be lost with the half one."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


class SpanFile(SpanExporter):
    """Writes spans as `eventstac trace` reads them."""

    def __init__(self, lines: Lines, app: str) -> None:
        self._lines, self._app = lines, app

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans."""
        self._lines.add([self._document(span) for span in spans])
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        self._lines.close()

    def _document(self, span: ReadableSpan) -> dict[str, Any]:
        context = span.get_span_context()
        if context is None or span.start_time is None or span.end_time is None:
            raise ValueError(f"the span {span.name} has not ended")
        return {
            "trace": f"{context.trace_id:032x}",
            "span": f"{context.span_id:016x}",
            "parent": f"{span.parent.span_id:016x}" if span.parent else None,
            "app": self._app,
            "name": span.name,
            "kind": span.kind.name.lower(),
            "start": _moment(span.start_time),
            "seconds": round((span.end_time - span.start_time) / 1e9, 6),
            "error": span.status.description if not span.status.is_ok else None,
            "attributes": dict(span.attributes or {}),
            "links": [
                {"trace": f"{link.context.trace_id:032x}", "span": f"{link.context.span_id:016x}"}
                for link in span.links
            ],
        }


class FigureFile(MetricExporter):
    """Writes figures: a counter's sum so far, a gauge's last value, a histogram's count, sum, least and greatest."""

    def __init__(self, lines: Lines, app: str) -> None:
        super().__init__()
        self._lines, self._app = lines, app

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Write figures."""
        del timeout_millis, kwargs
        self._lines.add(
            [
                {
                    "time": _moment(point.time_unix_nano),
                    "app": self._app,
                    "figure": metric.name,
                    "unit": metric.unit,
                    "attributes": dict(point.attributes or {}),
                    **_values(point),
                }
                for resource in metrics_data.resource_metrics
                for scope in resource.scope_metrics
                if scope.scope.name == "eventstac"
                for metric in scope.metrics
                for point in metric.data.data_points
            ]
        )
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is kept back."""
        del timeout_millis
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Close the file."""
        del timeout_millis, kwargs
        self._lines.close()


def _values(point: Any) -> dict[str, Any]:
    if isinstance(point, HistogramDataPoint):
        return {"count": point.count, "sum": point.sum, "min": point.min, "max": point.max}
    return {"value": point.value}


def _moment(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
