"""Telemetry to Application Insights, through the exporters of azure-monitor-opentelemetry."""

import logging
import os
import traceback
from typing import Any

from azure.identity import DefaultAzureCredential
from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorMetricExporter,
    AzureMonitorTraceExporter,
)
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, get_value
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from eventstac.telemetry.recorder import Recorder, resource_of

OURS = ("eventstac", "stac_api")  # whose events are handed on from INFO, those of others from WARNING
_SAID_BY_SPANS = frozenset({"stac_api.requests"})
# The exporter would fetch settings for itself from Microsoft, tell it how it fares, and look for a global provider.
_ALONE = (
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
)
_EVERY_MS = 60_000  # Azure Monitor keeps metrics by the minute

_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def open_insights(
    app: str, connection_string: str, client_id: str | None = None, *, by_identity: bool = False
) -> Recorder:
    """Telemetry of an app to Application Insights, and what it logs.

    `by_identity` shows who is asking: the managed identity of `client_id`, or on a person's machine who signed in.
    """
    for name in _ALONE:
        os.environ.setdefault(name, "true")
    options: dict[str, Any] = {
        "connection_string": connection_string,
        "disable_offline_storage": True,  # an instance's disk goes with the instance
    }
    if by_identity:
        options["credential"] = DefaultAzureCredential(managed_identity_client_id=client_id)
    spans = BatchSpanProcessor(AzureMonitorTraceExporter(**options))
    metrics = PeriodicExportingMetricReader(
        AzureMonitorMetricExporter(**options), export_interval_millis=_EVERY_MS
    )
    provider = LoggerProvider(resource_of(app))
    provider.add_log_record_processor(BatchLogRecordProcessor(AzureMonitorLogExporter(**options)))
    handler = EventHandler(provider)
    root = logging.getLogger()
    root.addHandler(handler)
    for name in OURS:
        if logging.getLogger(name).level == logging.NOTSET:  # whatever level the host has for the others
            logging.getLogger(name).setLevel(logging.INFO)

    def end() -> None:
        root.removeHandler(handler)
        provider.shutdown()

    return Recorder(app, spans, [metrics], end)


class EventHandler(logging.Handler):
    """Hands on log events with their keys. The Functions host, which keeps only the sentence, is told not to.

    What is logged while something is being sent to Application Insights is not: it would go on for ever.
    """

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__(logging.INFO)
        self._logger = provider.get_logger("eventstac")
        self.addFilter(_is_wanted)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on one event."""
        keys = {
            name: value if isinstance(value, str | int | float | bool) else str(value)
            for name, value in vars(record).items()
            if name not in _STANDARD and value is not None
        }
        if record.exc_info and record.exc_info[1]:
            keys["exception"] = "".join(traceback.format_exception(record.exc_info[1]))
        self._logger.emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                context=_context(keys.get("trace_id"), keys.get("span_id")),
                severity_text=record.levelname,
                severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.INFO),
                body=record.getMessage(),
                attributes=keys,
            )
        )


def _is_wanted(record: logging.LogRecord) -> bool:
    if record.name.partition(".")[0] in OURS:
        return record.name not in _SAID_BY_SPANS
    return record.levelno >= logging.WARNING and not get_value(_SUPPRESS_INSTRUMENTATION_KEY)


def _context(trace: object, span: object) -> Context:
    """The span that an event was logged in; an empty one where it was in none."""
    if not trace or not span:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED)
    inner = SpanContext(int(str(trace), 16), int(str(span), 16), is_remote=False, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(inner), Context())
