"""Events that were lost on purpose, and what the operator's commands make of it."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.e2e.conditions import until
from tests.e2e.rasters import cog, geotiff
from tests.e2e.user import User, trigger

pytestmark = pytest.mark.stack

GAP, STOPPED = 3, 4


def run(user: User, *arguments: str, code: int = 0) -> Any:
    """What a command says as JSON; its exit code must be this one."""
    done = user.stack.eventstac(*arguments, "--json")
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def of_scenes(report: dict[str, Any]) -> dict[str, Any]:
    [found] = [each for each in report["collections"] if each["collection"] == "scenes"]
    return dict(found)


@pytest.fixture
def name() -> str:
    """What the paths of one test begin with."""
    return f"r{uuid.uuid4().hex[:8]}"


def test_queryables_that_somebody_deletes_come_back_by_themselves(user: User) -> None:
    with psycopg.connect(user.stack.dsn("eventstac_setup")) as connection:
        connection.execute("SET search_path = pgstac, public")
        connection.execute("DELETE FROM queryables WHERE collection_ids = '{pairs}'")
    [undone] = run(user, "reconcile", "--check", code=GAP)["undone"]
    assert (undone["collection"], undone["queryables"]) == ("pairs", ["gsd"])
    assert [each["collection"] for each in run(user, "status")["undone"]] == ["pairs"]
    trigger(user.stack, "loader", "look_at_rules")
    until(lambda: not run(user, "status")["undone"], "the queryables to be back")


def test_one_reconcile_brings_completeness_to_100_percent(user: User, name: str) -> None:
    """Lost: 6 uploads, an overwriting, a deletion, a COG's deletion and another COG's overwriting."""
    paths = {f"scenes/{name}-{number}/b1.tif": geotiff(seed=number) for number in range(12)}
    before = dict(list(paths.items())[:6])
    urls = user.upload_all(before)
    user.searchable("scenes", [f"{name}-{number}" for number in range(6)])
    for number in (2, 3):
        made = user.upload(f"{name}/{number}.tif", cog(geotiff(seed=number)), container="cogs")
        user.cog_completed(urls[f"scenes/{name}-{number}/b1.tif"], made)
        has_cog(user, f"{name}-{number}")
    user.quiet()
    run(user, "reconcile", "--collection", "scenes", "--wait", "60")

    with user.stack.mute():
        user.upload_all(dict(list(paths.items())[6:]))
        user.upload(f"scenes/{name}-0/b1.tif", geotiff(seed=99, size=32))
        user.delete(f"scenes/{name}-1/b1.tif")
        user.delete(f"{name}/2.tif", container="cogs")
        user.upload(f"{name}/3.tif", b"no raster", container="cogs")
    user.quiet()

    checked = of_scenes(run(user, "reconcile", "--check", "--collection", "scenes", code=GAP))
    assert (checked["missing"], checked["stale"], checked["orphaned"]) == (6, 2, 2)
    assert checked["completeness"] < 100
    assert user.item("scenes", f"{name}-7") is None, "a check looks at nothing"

    asked = ("reconcile", "--collection", "scenes", "--allow-removals", "1")
    report = run(user, *asked, "--wait", "60")
    assert (report["state"], report["completeness"], report["gap"]) == ("done", 100.0, False)
    user.searchable("scenes", [f"{name}-{number}" for number in range(12) if number != 1])
    assert user.item("scenes", f"{name}-1") is None
    changed = user.item("scenes", f"{name}-0")
    assert changed is not None
    assert changed["properties"]["proj:shape"] == [32, 32]
    for number in (2, 3):
        shown = user.item("scenes", f"{name}-{number}")
        assert shown is not None
        assert "b1_cog" not in shown["assets"]
    run(user, "reconcile", "--check", "--collection", "scenes")
    user.quiet()


def has_cog(user: User, item: str) -> None:
    until(lambda: "b1_cog" in (user.item("scenes", item) or {})["assets"], f"the COG of {item}")


def test_a_reconcile_that_would_remove_much_stops_and_asks(user: User, name: str) -> None:
    (others,) = user.stack.query("SELECT count(*) FROM eventstac.items WHERE collection = 'scenes'")[0]
    count = others // 15 + 3  # more than 5 % of all, however many other tests have left
    user.upload_all({f"scenes/{name}-{number}/b1.tif": geotiff(seed=number) for number in range(count)})
    items = [f"{name}-{number}" for number in range(count)]
    user.searchable("scenes", items)
    user.quiet()
    with user.stack.mute():
        for item in items:
            user.delete(f"scenes/{item}/b1.tif")
    stopped = run(user, "reconcile", "--collection", "scenes", code=STOPPED)
    assert f"--allow-removals {count}" in stopped["detail"]
    user.quiet()
    user.searchable("scenes", items)
    run(user, "reconcile", "--collection", "scenes", "--allow-removals", str(count), "--wait", "60")
    assert [user.item("scenes", item) for item in items] == [None] * count
    user.quiet()


def test_a_backfill_finds_what_was_there_before(user: User, name: str) -> None:
    with user.stack.mute():
        user.upload_all({f"scenes/{name}-{number}/b1.tif": geotiff(seed=number) for number in range(4)})
    started = run(user, "scan", f"source/scenes/{name}")
    assert started["run"].startswith("scan-")
    assert (started["container"], started["prefix"]) == ("source", f"scenes/{name}")
    user.searchable("scenes", [f"{name}-{number}" for number in range(4)])
    user.quiet()
    refused = user.stack.eventstac("scan", "thumbnails")
    assert refused.returncode == 1
    assert "SOURCE_CONTAINERS" in refused.stderr


def test_the_daily_run_mends_what_removes_little(user: User, name: str) -> None:
    with user.stack.mute():
        user.upload(f"scenes/{name}/b1.tif", geotiff())
    trigger(user.stack, "scanner", "reconcile")
    user.searchable("scenes", [name])
    user.quiet()
    last = run(user, "status")["last_reconcile"]
    assert last["run"].startswith("daily-")
    assert last["state"] in ("done", "stopped")


def test_the_daily_run_does_not_come_by_itself_in_the_middle_of_a_test(user: User) -> None:
    for app, timer in (("scanner", "reconcile"), ("loader", "keep_house")):
        said = json.loads((user.stack.layout.data(app) / "timers" / f"{timer}.json").read_text())
        left = datetime.fromisoformat(said["Next"]) - datetime.now(UTC)
        assert timedelta(hours=6) < left <= timedelta(hours=12), timer


def test_rebuilding_puts_a_damaged_catalog_right(user: User, name: str) -> None:
    user.upload_all({f"scenes/{name}-{number}/b1.tif": geotiff(seed=number) for number in range(3)})
    user.searchable("scenes", [f"{name}-{number}" for number in range(3)])
    user.quiet()
    stored = "SELECT id, datetime, geometry::text, content FROM pgstac.items WHERE id LIKE %s ORDER BY id"
    before = user.stack.query(stored, f"{name}%")
    vandal = "WITH done AS ({}) SELECT count(*) FROM pgstac.items"
    user.stack.query(vandal.format("DELETE FROM pgstac.items WHERE id = %s RETURNING 1"), f"{name}-0")
    damage = "UPDATE pgstac.items SET content = '{}' WHERE id = %s RETURNING 1"
    user.stack.query(vandal.format(damage), f"{name}-1")
    report = run(user, "reconcile", "--check", "--collection", "scenes", code=GAP)
    assert of_scenes(report)["lost"] == 1
    assert run(user, "rebuild", "scenes")["repaired"] == 2
    assert user.stack.query(stored, f"{name}%") == before


def test_what_was_given_up_is_listed_replayed_and_discarded(user: User, name: str) -> None:
    """Undelivered events come from Event Grid's container, an undeclared blob from the scanner."""
    with user.stack.mute():
        url = user.upload(f"scenes/{name}/b1.tif", geotiff())
    event = {
        "specversion": "1.0",
        "id": name,
        "source": "tests",
        "type": "Microsoft.Storage.BlobCreated",
        "data": {"url": url, "api": "PutBlob"},
        "deadletterreason": "TimeToLiveExceeded",
        "deliveryattempts": 30,
    }
    user.upload(f"CREATED/2024/5/1/12/{name}.json", json.dumps([event]).encode(), container="deadletter")
    trigger(user.stack, "loader", "drain_undelivered")
    listed = ("rejected", "list", "--url", url)
    [one] = until(lambda: run(user, *listed), "the undelivered event")
    assert (one["stage"], one["reason"], one["attempts"]) == ("event-grid/created", "undelivered", 30)
    assert run(user, "rejected", "show", one["id"][:10])["event"]["id"] == name
    assert run(user, "rejected", "replay", one["id"])["replayed"] == [one["id"]]
    user.searchable("scenes", [name])
    assert run(user, *listed) == []
    assert run(user, *listed, "--state", "replayed")[0]["id"] == one["id"]

    stray = user.stack.blob_url("thumbnails", f"{name}.tif")
    body = {**event, "id": f"broken-on-purpose-{name}", "data": {"url": stray, "api": "PutBlob"}}
    user.send("blob-events", body, name)
    of_stray = ("--url", stray)
    [two] = until(lambda: run(user, "rejected", "list", *of_stray), "the rejection")
    assert two["reason"] == "undeclared-container"
    assert run(user, "rejected", "discard", *of_stray)["discarded"] == [two["id"]]
    assert run(user, "rejected", "list", *of_stray) == []
    user.quiet()


def test_status_tells_what_waits_and_what_is_missing(user: User, name: str) -> None:
    user.upload(f"pairs/{name}/left.tif", geotiff())
    user.verdict(user.stack.blob_url("source", f"pairs/{name}/left.tif"), "incomplete")
    user.quiet()
    status = run(user, "status", "--incomplete", "1000")
    [incomplete] = [each for each in status["incomplete"] if each["item"] == name]
    assert incomplete["missing"] == ["right"]
    assert status["outbox"] == {"waiting": 0, "oldest": None}
    assert {each["topic"] for each in status["subscriptions"]} >= {"blob-events", "asset-facts"}
    with user.stack.without("extractor"):
        user.upload(f"pairs/{name}/right.tif", geotiff(seed=1))
        waiting = until(lambda: _backlog(user, "blobs-matched"), "a message to wait for the extractor")
        assert waiting["oldest"] is not None
    user.searchable("pairs", [name])
    shown = user.stack.eventstac("status")
    assert shown.returncode == 0
    assert "pairs" in shown.stdout
    user.quiet()


def _backlog(user: User, topic: str) -> dict[str, Any] | None:
    found = [each for each in run(user, "status")["subscriptions"] if each["topic"] == topic]
    return next((dict(each) for each in found if each["messages"]), None)


@pytest.mark.parametrize(
    "command", [["reconcile", "--check", "--collection"], ["scan", "source", "--collection"], ["rebuild"]]
)
def test_a_collection_that_is_not_there_is_no_success(user: User, command: list[str]) -> None:
    done = user.stack.eventstac(*command, "scense")
    assert done.returncode == 1
    assert "there is no collection 'scense'; there are " in done.stderr
    assert "scenes" in done.stderr
