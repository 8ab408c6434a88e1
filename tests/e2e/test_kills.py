"""Each app in turn is killed with blobs in flight; nothing is lost and nothing is given up."""

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from tests.e2e.conditions import until
from tests.e2e.rasters import cog, geotiff
from tests.e2e.user import User

pytestmark = pytest.mark.stack

BLOBS = 32
COGS = 12

# What each app consumes; it is held away until all of it waits there.
SUBSCRIPTIONS = {
    "scanner": ("blob-events", "scanner"),
    "extractor": ("blobs-matched", "extractor"),
    "loader": ("asset-facts", "loader"),
    "cog_updater": ("cog-events", "cog-updater"),
}


@contextlib.contextmanager
def killed_at_work(user: User, app: str, messages: int) -> Iterator[None]:
    """Whatever the block causes waits for the app; then it starts, and is killed with the work in its hands."""
    subscription = SUBSCRIPTIONS[app]

    def waiting() -> int:
        return int(user.subscription(*subscription)["active"])

    def at_work() -> bool:
        counts = user.subscription(*subscription)
        return bool(counts["locked"]) or counts["active"] < messages

    user.stack.kill(app)
    try:
        yield
        until(lambda: waiting() >= messages, f"{messages} messages to wait for {app}")
    finally:
        user.stack.layout.hold(app).unlink()
    until(at_work, f"{app} to be at work")
    user.stack.kill(app)
    user.stack.restart(app)


def test_apps_that_start_before_service_bus_does_lose_no_blob(user: User) -> None:
    away = ("scanner", "extractor", "loader", "stac_api", "servicebus")
    with restarted_after(user, *away):
        for name in away:
            user.stack.kill(name)
        user.upload("scenes/before-the-bus/b1.tif", geotiff())
        user.stack.restart(*away)
    user.searchable("scenes", ["before-the-bus"])
    user.quiet()


@pytest.mark.parametrize("app", ["scanner", "extractor", "loader"])
def test_a_kill_with_blobs_in_flight_loses_none(user: User, app: str) -> None:
    items = [f"killed-{app}-{number:02}" for number in range(BLOBS)]
    with killed_at_work(user, app, BLOBS):
        user.upload_all({f"scenes/{item}/b1.tif": geotiff(seed=n) for n, item in enumerate(items)})
    user.searchable("scenes", items)
    user.quiet()


def test_a_kill_of_the_api_with_blobs_in_flight_loses_none(user: User) -> None:
    items = [f"killed-api-{number:02}" for number in range(BLOBS)]
    user.upload_all({f"scenes/{item}/b1.tif": geotiff(seed=n) for n, item in enumerate(items)})
    user.stack.kill("stac_api")
    user.stack.restart("stac_api")
    user.searchable("scenes", items)
    user.quiet()


def test_a_kill_of_the_cog_updater_with_cogs_in_flight_loses_none(user: User) -> None:
    items = [f"killed-cog-{number:02}" for number in range(COGS)]
    sources = user.upload_all({f"scenes/{item}/b1.tif": geotiff(seed=n) for n, item in enumerate(items)})
    made = user.upload_all({f"{item}.tif": cog(geotiff(seed=n)) for n, item in enumerate(items)}, "cogs")
    with killed_at_work(user, "cog_updater", COGS):
        for source, finished in zip(sources.values(), made.values(), strict=True):
            user.cog_completed(source, finished)

    def without_cog() -> list[str]:
        found = user.client.search(collections=["scenes"], ids=items, limit=COGS).items_as_dicts()
        shown = {item["id"] for item in found if "b1_cog" in item["assets"]}
        return sorted(set(items) - shown)

    until(lambda: not without_cog(), lambda: f"{without_cog()} to show their COGs")
    user.quiet()


@contextlib.contextmanager
def facts_locked(user: User) -> Iterator[None]:
    """Nobody can write a fact inside the block: a merge that has begun stands still."""
    with psycopg.connect(user.stack.dsn("eventstac_setup")) as connection:
        connection.execute("LOCK TABLE eventstac.facts IN SHARE MODE")
        yield


@contextlib.contextmanager
def restarted_after(user: User, *names: str) -> Iterator[None]:
    """Every test leaves all processes running, a failed one too."""
    try:
        yield
    finally:
        user.stack.restart(*(name for name in names if user.stack.layout.hold(name).exists()))


def test_a_kill_between_commit_and_publishing_loses_no_notification(user: User) -> None:
    with restarted_after(user, "servicebus", "loader"):
        with facts_locked(user):
            user.upload("scenes/committed/b1.tif", geotiff())
            until(lambda: merges_waiting(user), "the loader to be in its transaction")
            user.stack.kill("servicebus")
        until(user.outbox, "the loader to commit, and to have nobody to publish to")
        user.stack.kill("loader")
        assert user.item("scenes", "committed") is not None
        user.stack.restart("servicebus")
        assert told_of(user, "committed") == []
    until(lambda: told_of(user, "committed"), "the world to be told of the Item")
    user.quiet()
    assert {event["change"] for event in told_of(user, "committed")} == {"created"}


def merges_waiting(user: User) -> bool:
    waiting = user.stack.query(
        "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE relation = 'eventstac.facts'::regclass AND NOT granted AND usename = 'eventstac_loader'"
    )
    return bool(waiting)


def told_of(user: User, item: str) -> list[dict[str, str]]:
    """What arrived at the far side of Event Grid about an Item."""
    return [event["data"] for event in user.seen("catalog-events") if event["data"].get("item") == item]
