"""A page message is a page of a scan, or of a run that compares storage and catalog."""

import logging
from collections.abc import Sequence

from eventstac.bus import SCAN_REQUESTS, Outgoing
from eventstac.events import Envelope, ScanRequested
from eventstac.reconciling import Reconciler
from eventstac.runs import Runs
from scanner import scan

log = logging.getLogger("eventstac")


def handle(envelope: Envelope, reconciler: Reconciler) -> Sequence[Outgoing]:
    """Go through one page and ask for the next.

    Key: run and continuation. Stale rule: a page of a run that is over is left alone. Side effects: what is noted of
    the run; then what is returned. A page that is handled twice notes and causes the same again.
    """
    envelope.expect("scan request", ScanRequested.TYPE)
    request = ScanRequested.read(envelope.data)
    reconciler.watched.any(f"{request.container_url}/any")
    if request.reason != "reconcile":
        return scan.handle(
            request,
            catalog=reconciler.catalog,
            blobs=reconciler.blobs,
            watched=reconciler.watched,
            page_size=reconciler.page_size,
            clock=reconciler.clock,
        )
    step = reconciler.step(request)
    if step.following is None:
        _tell(reconciler.runs, request.run)
        return step.outgoing
    return [*step.outgoing, Outgoing(SCAN_REQUESTS, step.following)]


def begin_reconcile(reconciler: Reconciler) -> Sequence[Outgoing]:
    """Begin the daily run, unless one still goes on; it never removes more than the limit."""
    busy = reconciler.runs.busy()
    if busy:
        log.warning("reconcile_still_running", extra={"run": busy.id})
        return []
    return [Outgoing(SCAN_REQUESTS, reconciler.begin(f"daily-{reconciler.clock():%Y%m%dT%H%M%SZ}"))]


def attend_reconcile(reconciler: Reconciler) -> Sequence[Outgoing]:
    """Let a run go on whose message was lost, or begin one where the rules changed; else nothing.

    Side effects: a run is noted; then what is returned. A crash in between is such a lost message.
    """
    page = reconciler.attend(f"rules-{reconciler.clock():%Y%m%dT%H%M%SZ}")
    if page is None:
        return []
    log.info("reconcile_attended", extra={"run": page.run, "page": page.continuation})
    return [Outgoing(SCAN_REQUESTS, page)]


def _tell(runs: Runs, run_id: str) -> None:
    run = runs.find(run_id)
    if run is None:
        return
    level = logging.WARNING if run.state == "stopped" else logging.INFO
    extra = {"run": run.id, "state": run.state, "detail": run.detail, "report": run.report}
    log.log(level, "reconcile_ended", extra=extra)
