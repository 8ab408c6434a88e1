"""How the pipeline stands, as figures: what waits and for how long, what was given up, what is complete."""

from collections.abc import Sequence
from datetime import datetime

from eventstac.azure.peeking import Backlog
from eventstac.catalog.overview import CollectionStatus, Overview
from eventstac.telemetry.spans import Telemetry


def tell_queues(backlogs: Sequence[Backlog], telemetry: Telemetry, now: datetime) -> None:
    """What waits in each subscription; an empty one is told as well, so that an alert on it ends."""
    for one in backlogs:
        about = {"topic": one.topic, "subscription": one.subscription}
        telemetry.measure("eventstac.queue.messages", one.messages, **about)
        telemetry.measure("eventstac.queue.oldest_age", _age_s(one.oldest, now), **about)
        telemetry.measure("eventstac.queue.dead_letters", one.dead, **about)


def tell_catalog(overview: Overview, telemetry: Telemetry, now: datetime) -> None:
    """How the catalog stands: completeness by Collection, that of the last reconcile, rejections, announcements."""
    for each in overview.collections:
        telemetry.measure("eventstac.completeness", _percent(each), collection=each.collection)
    run = overview.last_run
    found = (run.report or {}).get("completeness") if run else None
    if found is not None:
        telemetry.measure("eventstac.reconcile.completeness", float(found))
    telemetry.measure("eventstac.rejections", sum(count for _, _, count, _ in overview.rejected))
    telemetry.measure("eventstac.outbox.oldest_age", _age_s(overview.outbox_since, now))


def _percent(each: CollectionStatus) -> float:
    items = each.published + each.incomplete + each.unpublishable
    return 100.0 * each.published / items if items else 100.0


def _age_s(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
