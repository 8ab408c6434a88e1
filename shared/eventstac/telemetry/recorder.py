"""Spans and figures through the OpenTelemetry SDK."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from eventstac.origin import Origin
from eventstac.telemetry.figures import FIGURES, figures_of, of_kind
from eventstac.telemetry.spans import Span, Value

_KINDS = {
    "consumer": SpanKind.CONSUMER,
    "producer": SpanKind.PRODUCER,
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}

log = logging.getLogger("eventstac")


def resource_of(app: str) -> Resource:
    """Who tells: Application Insights shows it as the role `eventstac.APP`."""
    return Resource({"service.namespace": "eventstac", "service.name": app})


class Recorder:
    """Hands spans to `processor`, and figures to `readers`; `end` is called when it is closed."""

    is_on = True

    def __init__(
        self,
        app: str,
        processor: SpanProcessor,
        readers: Sequence[MetricReader],
        end: Callable[[], None] = lambda: None,
    ) -> None:
        self._end = end
        self._ids = _GivenIds()
        resource = resource_of(app)
        self._traces = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=self._ids)
        self._traces.add_span_processor(processor)
        self._tracer = self._traces.get_tracer("eventstac")
        meters = MeterProvider(readers, resource=resource)
        meter = meters.get_meter("eventstac")
        self._meters = meters
        wanted = {name: (figure.unit, figure.meaning) for name, figure in FIGURES.items()}
        self._counters = {name: meter.create_counter(name, *wanted[name]) for name in of_kind("counter")}
        self._gauges = {name: meter.create_gauge(name, *wanted[name]) for name in of_kind("gauge")}
        self._spreads = {name: meter.create_histogram(name, *wanted[name]) for name in of_kind("histogram")}

    def record(self, span: Span) -> None:
        """Hand on a span under the ids that its origin gives it, and the figures that it tells."""
        for figure, value, attributes in figures_of(span):
            self._measure(figure, value, attributes)
        if not span.origin.is_sampled:
            return
        context = None
        if span.parent:
            above = NonRecordingSpan(_context(span.origin, span.parent))
            context = trace.set_span_in_context(above)
        with self._ids.giving(span.origin):
            recording = self._tracer.start_span(
                span.name,
                context,
                _KINDS[span.kind],
                dict(span.attributes),
                [Link(_context(origin, origin.span)) for origin in span.links],
                start_time=span.started_ns,
            )
        if span.error:
            recording.set_status(Status(StatusCode.ERROR, span.error))
        recording.end(span.ended_ns)

    def measure(self, figure: str, value: float, **attributes: str) -> None:
        """Hand on a figure."""
        self._measure(figure, value, attributes)

    def close(self) -> None:
        """Hand on what is kept back, and end."""
        self._traces.shutdown()
        self._meters.shutdown()
        self._end()

    def _measure(self, figure: str, value: float, attributes: Mapping[str, Value]) -> None:
        if figure in self._counters:
            self._counters[figure].add(value, attributes)
        elif figure in self._gauges:
            self._gauges[figure].set(value, attributes)
        else:
            self._spreads[figure].record(value, attributes)


def _context(origin: Origin, span: str) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if origin.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(int(origin.trace, 16), int(span, 16), is_remote=True, trace_flags=flags)


class _GivenIds(IdGenerator):
    """Ids as our origins give them, not by chance."""

    def __init__(self) -> None:
        self._given = threading.local()

    def giving(self, origin: Origin) -> "_GivenIds":
        self._given.origin = origin
        return self

    def __enter__(self) -> None:
        """Give the ids of an origin to what is started by this thread."""

    def __exit__(self, *_: object) -> None:
        del self._given.origin

    def generate_span_id(self) -> int:
        """The id of the span that is being started."""
        return int(self._given.origin.span, 16)

    def generate_trace_id(self) -> int:
        """The id of the trace that is being started."""
        return int(self._given.origin.trace, 16)
