"""What was measured of one side, and the tables that the docs show."""

import statistics
from dataclasses import dataclass, fields

from bench.documents.section import put


@dataclass(frozen=True)
class Figure:
    """Requests a second, percentiles of the time of one in ms, and CPU time of one in ms: driver, server, database."""

    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float

    def __str__(self) -> str:
        """For a cell of the table."""
        return f"{self.rate:,.0f} ({self.p50:.0f} / {self.p95:.0f} / {self.p99:.0f})"


def median(figures: list[Figure]) -> Figure:
    """Of the rounds, each part by itself."""
    return Figure(
        *(statistics.median(getattr(each, part.name) for each in figures) for part in fields(Figure))
    )


Results = dict[int, dict[str, dict[str, Figure]]]  # by clients, scenario, side


def report(count: int, results: Results, memory: dict[str, float]) -> str:
    """The section of the docs for that many Items."""
    lines = [f"## {count:,} Items", ""]
    for clients, scenarios in results.items():
        lines += [
            f"{clients} client{'s' if clients > 1 else ''}, requests/s (p50 / p95 / p99 in ms):",
            "",
            "| | eventstac | stac-fastapi-pgstac | ratio | bare SQL | of its rate | of its CPU time "
            "| bare SQL as sent | of its rate | floor | of its rate |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for name, sides in scenarios.items():
            ours, theirs, floor = sides["ours"], sides["theirs"], sides["floor"]
            bare, as_sent = sides["sql"], sides["sql as sent"]
            lines.append(
                f"| {name} | {ours} | {theirs} | {ours.rate / theirs.rate:.1f} | {bare} "
                f"| {ours.rate / bare.rate:.0%} | {bare.cpu / ours.cpu:.0%} "
                f"| {as_sent} | {ours.rate / as_sent.rate:.0%} | {floor} | {ours.rate / floor.rate:.0%} |"
            )
        lines.append("")
    lines.append(f"Memory of the worker: {memory['ours']:.0f} MB beside {memory['theirs']:.0f} MB.")
    return "\n".join(lines) + "\n"


def write(count: int, section: str) -> None:
    """Put the section in the docs, in the place of the last run's."""
    put("api-speed.md", str(count), section)
