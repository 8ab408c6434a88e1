"""Every figure that is measured: its name, kind, unit and meaning; docs/operate.md and the alerts name them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from eventstac.telemetry.spans import Span, Value


@dataclass(frozen=True)
class Figure:
    """A figure. `counter` adds up, `histogram` has a distribution, `gauge` is how things stand."""

    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    meaning: str


FIGURES: Mapping[str, Figure] = {
    "eventstac.messages": Figure("counter", "{message}", "messages by what became of them"),
    "eventstac.message.duration": Figure("histogram", "s", "seconds to handle a message, or its batch"),
    "eventstac.message.failing": Figure(
        "histogram", "s", "seconds since the first failure of a message that waits to be tried again"
    ),
    "eventstac.batch.size": Figure("histogram", "{message}", "messages that were handled as one"),
    "eventstac.extraction.duration": Figure("histogram", "s", "seconds to read a blob"),
    "eventstac.extraction.bytes": Figure("histogram", "By", "bytes that were fetched of a blob"),
    "eventstac.freshness": Figure("histogram", "s", "seconds from a blob's event to its Item's commit"),
    "eventstac.queue.messages": Figure("gauge", "{message}", "messages that wait in a subscription"),
    "eventstac.queue.oldest_age": Figure("gauge", "s", "age of the oldest message of a subscription"),
    "eventstac.queue.dead_letters": Figure("gauge", "{message}", "dead letters of a subscription"),
    "eventstac.rejections": Figure("gauge", "{event}", "events that were given up and wait for the operator"),
    "eventstac.completeness": Figure(
        "gauge", "%", "Items of a Collection that are shown, of all that it has"
    ),
    "eventstac.reconcile.completeness": Figure(
        "gauge", "%", "what the last reconcile found of storage in catalog"
    ),
    "eventstac.outbox.oldest_age": Figure("gauge", "s", "age of the oldest announcement not published"),
}


def of_kind(kind: str) -> list[str]:
    """The names of the figures of one kind."""
    return [name for name, figure in FIGURES.items() if figure.kind == kind]


# Attributes of a span that are figures, too.
_NOTED = {
    "extraction_s": "eventstac.extraction.duration",
    "extraction_bytes": "eventstac.extraction.bytes",
    "freshness_s": "eventstac.freshness",
}


def figures_of(span: Span) -> list[tuple[str, float, dict[str, Value]]]:
    """The figures that a span of a handled message tells: name, value, attributes."""
    if span.kind != "consumer":
        return []
    about = {
        name: span.attributes[name]
        for name in ("topic", "subscription", "outcome")
        if name in span.attributes
    }
    found: list[tuple[str, float, dict[str, Value]]] = [
        ("eventstac.messages", 1, about),
        ("eventstac.message.duration", span.seconds, about),
    ]
    failing_s = span.attributes.get("failing_s")
    if isinstance(failing_s, int | float):
        found.append(("eventstac.message.failing", failing_s, about))
    for name, figure in _NOTED.items():
        value = span.attributes.get(name)
        if isinstance(value, int | float):
            collection = span.attributes.get("collection")
            found.append((figure, value, {} if collection is None else {"collection": collection}))
    return found
