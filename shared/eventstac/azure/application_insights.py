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
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from eventstac.telemetry.recorder import Recorder, resource_of

LOGGERS = ("eventstac", "stac_api")
_EVERY_MS = 60_000  # Azure Monitor keeps metrics by the minute

_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def open_insights(app: str, connection_string: str, client_id: str | None) -> Recorder:
    """Telemetry of an app to Application Insights, as the managed identity if one is named; its log events, too."""
    # The exporter would tell Microsoft about itself every 15 minutes.
    os.environ.setdefault("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    options: dict[str, Any] = {
        "connection_string": connection_string,
        "disable_offline_storage": True,  # an instance's disk goes with the instance
    }
    if client_id:
        options["credential"] = DefaultAzureCredential(managed_identity_client_id=client_id)
    spans = BatchSpanProcessor(AzureMonitorTraceExporter(**options))
    metrics = PeriodicExportingMetricReader(
        AzureMonitorMetricExporter(**options), export_interval_millis=_EVERY_MS
    )
    provider = LoggerProvider(resource_of(app))
    provider.add_log_record_processor(BatchLogRecordProcessor(AzureMonitorLogExporter(**options)))
    handler = EventHandler(provider)
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)

    def end() -> None:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(handler)
        provider.shutdown()

    return Recorder(app, spans, [metrics], end)


class EventHandler(logging.Handler):
    """Hands on log events with their keys: the Functions host keeps only the sentence."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__(logging.INFO)
        self._logger = provider.get_logger("eventstac")

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


def _context(trace: object, span: object) -> Context:
    """The span that an event was logged in; an empty one where it was in none."""
    if not trace or not span:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED)
    inner = SpanContext(int(str(trace), 16), int(str(span), 16), is_remote=False, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(inner), Context())
