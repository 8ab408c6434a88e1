"""`eventstac reconcile`: compares storage and catalog, and mends what differs."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from eventstac.catalog import repairing, undone
from eventstac.catalog.merge import MergeSettings
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.runs import PostgresRuns
from eventstac.catalog.undone import Undone
from eventstac.cli.console import counted, new_table, open_console
from eventstac.cli.ports import APP, MOST, Ports, now, print_json, run_id
from eventstac.comparing import Report
from eventstac.consumption import Consumer
from eventstac.errors import EventstacError
from eventstac.events import ScanRequested
from eventstac.reconciling import RULES_CHANGED, Reconciler, surplus_allowed
from eventstac.runs import Run
from eventstac.telemetry.spans import story

GAP, STOPPED = 3, 4  # exit codes; 1 is a failure, 2 a wrong command line

PAGE = 5000  # what one listing request gives at most
LONGEST_WAIT_S = 3000  # the listing of a run is kept for an hour at least
_POLL_S = 1.0

_SHOWN = (
    ("blobs", "blobs"),
    ("matched", "matched"),
    ("current", "current"),
    ("stale", "stale"),
    ("missing", "missing"),
    ("orphaned", "orphaned"),
    ("withdrawn", "withdrawn"),
    ("unwatched", "unwatched"),
    ("rejected", "rejected"),
    ("incomplete", "incomplete"),
    ("conflicting", "conflicting"),
    ("lost", "lost"),
    ("surplus", "surplus"),
    ("completeness", "%"),
)


class RunStopped(EventstacError):
    """The storage refused a container: nothing can be said of the blobs in it."""


def reconcile(
    check: Annotated[
        bool, typer.Option("--check", help="Only report: look at nothing, change nothing.")
    ] = False,
    collection: Annotated[str | None, typer.Option(help="Only this collection.")] = None,
    allow_removals: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MOST,
            help="How many Items may be removed; else 5 %, and 1,000 at most, those without a file by Collection.",
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            max=LONGEST_WAIT_S,
            help="Seconds to wait until what was looked at has arrived in the catalog.",
        ),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare storage, facts and catalog in both directions, and look at every blob about which they differ.

    Nothing is believed to be gone because a listing lacks it: such a blob is looked at. Items that the catalog itself
    lacks, has wrong or has without reason are composed anew from the facts. Collections into which no rule puts blobs
    are left alone. What others took away of the Collections and queryables that the rules state is put back.

    Exit code 0: no gap (with --wait: none is left). 3: there is (or was) a gap. 4: stopped, because too much would be
    removed (what removes nothing was done), or because the rules changed, with --check too. 1: it could not be done.
    """
    ports = Ports.read("reconcile", os.environ, bus=not check)
    ports.check_collection(collection, is_ours=True)
    with ports.connection():
        pass  # a database that refuses says so at once, not after what a pool waits
    catalog = PostgresCatalog(ports.database, MergeSettings(APP, 0.0), ports.default_collection)
    try:
        storage = ports.storage()
        reconciler = Reconciler(
            catalog, storage, ports.watched(storage), PostgresRuns(catalog.connection), PAGE, now
        )
        found = _undone(ports, collection, check)
        back = [] if check else [each for each in found if each.came_back]
        run = _go(reconciler, ports, collection, allow_removals, check)
        if not check and wait and run.state != "stopped":
            run = _wait(reconciler, run, wait)
            found = _undone(ports, collection, check)  # once more: what is left
            back += [each for each in found if each.came_back]
    finally:
        catalog.close()
    report = Report.from_json(run.report or {})
    _show(run, report, found, back, as_json)
    if run.state == "stopped":
        raise typer.Exit(STOPPED)
    raise typer.Exit(GAP if report.has_gap or found else 0)


def _undone(ports: Ports, collection: str | None, check: bool) -> list[Undone]:
    """What pgstac does not have as the rules state it; without `check` it is put back where that may be."""
    with ports.connection() as connection:
        rules = ports.rules_store()
        if check:
            return undone.find(connection, rules.current(connection), collection)
        return list(undone.put_back(connection, rules, APP, now(), collection))


def _go(
    reconciler: Reconciler, ports: Ports, collection: str | None, allow_removals: int | None, check: bool
) -> Run:
    """Go through all pages here, instead of as messages."""
    run_name = run_id("check" if check else "reconcile")
    following = reconciler.begin(
        run_name, collection=collection, allow_removals=allow_removals, check_only=check
    )
    if check:
        _pages(reconciler, following, None)
    else:
        with ports.consumer() as consumer:
            _pages(reconciler, following, consumer)
    run = reconciler.runs.find(run_name)
    if run is None or (run.report is None and not run.detail.startswith(RULES_CHANGED)):
        raise RunStopped(run.detail if run else f"run {run_name} is gone")
    if not check and run.report is not None:
        with (
            ports.connection() as connection,
            ports.telemetry() as telemetry,
            story(telemetry, "eventstac reconcile: repair", f"{run_name} repair") as origin,
        ):
            rules = ports.rules_store()
            # A run that was stopped, or whose rules are no more in force, removes nothing that is surplus.
            allowed = surplus_allowed(Report.from_json(run.report), allow_removals) if run.removes else 0
            repairing.repair(connection, rules, collection, APP, now(), origin, allow_removals=allowed)
    return run


def _pages(reconciler: Reconciler, request: ScanRequested, consumer: Consumer | None) -> None:
    following: ScanRequested | None = request
    while following:
        step = reconciler.step(following)
        if consumer:
            cause = f"{following.run} {following.continuation}"
            consumer.begin("eventstac reconcile", cause, step.outgoing)
        following = step.following


def _wait(reconciler: Reconciler, run: Run, seconds: float) -> Run:
    """Compare the same listing again until nothing differs any more that a look mends, or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        report = reconciler.runs.compare(run, reconciler.catalog.rules())
        report = replace(report, surplus_kept=report.surplus)  # what may be removed was
        run = replace(run, report=report.to_json())
        if not report.mends(removes=True) or time.monotonic() > deadline:
            return run
        time.sleep(_POLL_S)


def _show(run: Run, report: Report, found: Sequence[Undone], back: Sequence[Undone], as_json: bool) -> None:
    if as_json:
        of_run = {"run": run.id, "state": run.state, "detail": run.detail}
        of_rules = {
            "undone": [each.to_json() for each in found],
            "put_back": [each.to_json() for each in back],
        }
        print_json({**of_run, **report.to_json(), **of_rules})
        return
    console = open_console()
    if run.report is None:  # stopped before anything was compared
        console.print(run.detail, style="red")
        return
    table = new_table(
        "collection",
        *(title for _, title in _SHOWN),
        title=f"{counted(report.listed, 'blob')}, {report.completeness} % complete",
    )
    for each in report.collections:
        counts = each.to_json()
        style = "yellow" if each.has_gap else ""
        table.add_row(each.collection, *(str(counts[name]) for name, _ in _SHOWN), style=style)
    console.print(table)
    for name in ("unmatched", "ignored", "unclaimed"):
        if count := getattr(report, name):
            console.print("1 blob is " + name if count == 1 else f"{count} blobs are {name}")
    if any(each.unwatched for each in report.collections):
        console.print(
            "unwatched blobs are shown, of containers that SOURCE_CONTAINERS (of COGs: COG_CONTAINERS) does not name: "
            "docs/operate.md says how they leave",
            style="yellow",
        )
    for url in report.samples:
        console.print(f"  unmatched: {url}")
    if run.detail:
        console.print(run.detail, style="red")
    left_no_more = [one for one in back if one not in found]  # with --wait
    for said in (*map(str, found), *(f"was put back: {one}" for one in left_no_more)):
        console.print(said, style="yellow")
    if run.state != "stopped":
        has_gap = report.has_gap or bool(found)
        console.print(_verdict(run, report, found), style="yellow" if has_gap else "green")


def _verdict(run: Run, report: Report, found: Sequence[Undone]) -> str:
    """What is to be done after a run that came to its end."""
    if not report.has_gap and not found:
        return "no gap"
    mends = report.mends(removes=run.removes)
    if run.check_only:
        mends = mends or any(each.is_to_be_put_back for each in found)
    elif not report.has_gap and not any(each.stays for each in found):
        return "what others took away was put back"
    if not mends and any(each.is_held for each in found):
        return "there is a gap: what somebody holds is put back when he lets go, by the loader or a later reconcile"
    if not mends:
        return "there is a gap that no reconcile closes by itself"
    if run.check_only:
        is_all = not run.detail and not any(each.unwatched for each in report.collections)
        is_all = is_all and not any(each.taken for each in found)
        return f"there is a gap: `eventstac reconcile` mends {'it' if is_all else 'the rest of it'}"
    return (
        "the blobs that differed are being looked at: `eventstac reconcile --check` says whether the gap is closed, "
        "`--wait 60` waits for it"
    )
