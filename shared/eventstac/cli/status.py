"""`eventstac status`: how the catalog stands, and what waits where."""

import os
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from eventstac.azure.peeking import COUNTED, Backlog, backlogs
from eventstac.azure.service_bus import open_client
from eventstac.catalog.overview import Overview, overview
from eventstac.catalog.rules_blob import RulesFile, known_file
from eventstac.cli.console import counted, new_table, open_console
from eventstac.cli.ports import MOST, Ports, now, print_json
from eventstac.errors import Transient
from eventstac.evidence import AS_A_RULE


def status(
    incomplete: Annotated[int, typer.Option(min=0, max=MOST, help="How many incomplete Items to list.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how the catalog stands: Items and blobs by collection, what is incomplete, rejected, and what waits where.

    Where Service Bus does not answer, that is said, and the rest is shown. Exit code 0 all the same.
    """
    ports = Ports.read("status", os.environ, storage=False)
    with ports.connection() as connection:
        found = overview(connection, ports.rules(connection), incomplete)
        file = known_file(connection)
    waiting: list[Backlog] | None
    try:
        with open_client(ports.values) as bus:
            waiting, away = backlogs(bus), ""
    except Transient as failure:
        waiting, away = None, failure.detail
    if as_json:
        queues = None if waiting is None else [_backlog_json(one) for one in waiting]
        answer = {"subscriptions": queues, "service_bus": away or "answers"}
        print_json({**found.to_json(), "rules_file": _file_json(file), **answer})
    else:
        _show(found, file, waiting, away)


# A column of noughts is left out, so that the others fit a narrow terminal; but not these.
_ALWAYS = ("published", "present", "rejected")

_WANTS_SOMEBODY = ("rejected", "incomplete", "unpublishable", "conflicting")


def _show(found: Overview, file: RulesFile | None, waiting: list[Backlog] | None, away: str) -> None:
    console = open_console()
    columns = (
        "published",
        "incomplete",
        "unpublishable",
        "conflicting",
        "present",
        "rejected",
        "gone",
    )
    names = [
        name for name in columns if name in _ALWAYS or any(getattr(each, name) for each in found.collections)
    ]
    title = f"rules: revision {found.revision}"
    table = new_table("collection", *names, title=title)
    for each in found.collections:
        table.add_row(each.collection, *(str(getattr(each, name)) for name in names))
    console.print(table)
    if any(getattr(each, name) for each in found.collections for name in _WANTS_SOMEBODY):
        console.print("which blobs are not shown, and why: eventstac blobs")
    if file and file.mistakes:
        console.print(
            f"{file.url} ({file.etag}) is refused, the rules before it stay in force:\n{file.mistakes}",
            style="red",
        )
    for undone in found.undone:
        soon = "; the loader puts it back within five minutes" if undone.is_to_be_put_back else ""
        console.print(f"{undone}{soon}", style="yellow")
    for item in found.incomplete:
        missing = ", ".join(item.missing)
        line = f"incomplete for {_age(item.since)}: {item.collection}/{item.item} lacks {missing}"
        console.print(line, style="yellow")
    for stage, reason, count, since in found.rejected:
        console.print(f"rejected: {count} x {reason} at {stage}, since {_age(since)}", style="red")
    if found.outbox:
        oldest = _age(found.outbox_since) if found.outbox_since else "?"
        console.print(
            f"not published yet: {counted(found.outbox, 'announcement')}, the oldest for {oldest}",
            style="yellow",
        )
    _show_backlogs(console, waiting, away)
    for scan in found.scans:
        how_far = "over" if scan.is_over else "going on"
        line = f"{scan.run}: {scan.container}/{scan.prefix}: {how_far}, "
        line += f"{counted(scan.blobs, 'blob')} in {counted(scan.pages, 'page')}, "
        console.print(f"{line}{scan.looks} to look at, the last page {_age(scan.changed_at)} ago")
    run = found.last_run
    if run is None:
        console.print("never reconciled")
    else:
        started = f"{run.started_at:%Y-%m-%d %H:%M}Z" if run.started_at else "?"
        share = (run.report or {}).get("completeness")
        complete = "" if share is None else f", {share} % complete then"
        console.print(f"last reconcile: {run.id}, begun {started}, {run.state}{complete}")
        if run.detail:
            console.print(run.detail, style="red")


def _show_backlogs(console: Console, waiting: list[Backlog] | None, away: str) -> None:
    if waiting is None:
        console.print(away, style="red")
        return
    for one in waiting:
        if one.messages:
            count = (
                f"{one.messages} or more messages"
                if one.messages >= COUNTED
                else counted(one.messages, "message")
            )
            oldest = f", the oldest for {_age(one.oldest)}" if one.oldest else ""
            console.print(f"waiting: {count} in {one.topic}/{one.subscription}{oldest}", style="cyan")
        if one.dead:
            console.print(f"dead letters: {one.dead} in {one.topic}/{one.subscription}", style="red")
    if not any(one.messages or one.dead for one in waiting):
        console.print("no message is in a queue", style="green")
    console.print(
        f"A message that failed is in no queue while it waits to be tried again, {AS_A_RULE}; the log of its app says "
        "`waiting` and for what",
        style="dim",
    )


def _file_json(file: RulesFile | None) -> dict[str, object] | None:
    if file is None:
        return None
    return {
        "url": file.url,
        "etag": file.etag,
        "seen": file.seen.isoformat(),
        "revision": file.revision,
        "mistakes": file.mistakes,
    }


def _backlog_json(one: Backlog) -> dict[str, object]:
    return {
        "topic": one.topic,
        "subscription": one.subscription,
        "messages": one.messages,
        "oldest": one.oldest.isoformat() if one.oldest else None,
        "dead": one.dead,
    }


def _age(since: datetime) -> str:
    """How long ago, in the unit that says most."""
    seconds = max(0, int((now() - since).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
