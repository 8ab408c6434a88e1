"""A finished COG joins its source's Item, whenever its event comes; what is no COG is rejected."""

import json
from typing import Any

import pytest
import rasterio

from tests.e2e.conditions import until
from tests.e2e.rasters import cog, geotiff
from tests.e2e.user import BROKEN, COG_COMPLETED, User

pytestmark = pytest.mark.stack


def assets(user: User, item: str) -> dict[str, Any]:
    document = user.item("scenes", item)
    return document["assets"] if document else {}


def rejection(user: User, reason: str, text: str) -> tuple[Any, ...]:
    """The row of a rejected event with a reason, about something."""

    def found() -> tuple[Any, ...] | None:
        rows = user.stack.query(
            "SELECT stage, detail, url, event FROM eventstac.rejected WHERE reason = %s AND event::text LIKE %s",
            reason,
            f"%{text}%",
        )
        return rows[0] if rows else None

    return until(found, f"a rejection {reason!r} of {text!r}")


def test_a_cog_made_by_rio_cogeo_joins_the_item(user: User) -> None:
    source = user.upload("scenes/converted/b1.tif", geotiff(seed=1, size=600))
    user.searchable("scenes", ["converted"])
    made = user.upload("converted/b1.tif", cog(geotiff(seed=1, size=600)), container="cogs")
    user.cog_completed(source, made, job_id="job-1", size=1)
    shown = until(lambda: assets(user, "converted").get("b1_cog"), "the Item to show its COG")
    assert shown["href"] == made
    assert shown["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
    assert "cloud-optimized" in shown["roles"]
    assert assets(user, "converted")["b1"]["href"] == source
    with rasterio.open(shown["href"]) as opened:
        assert opened.profile["tiled"]
        assert opened.overviews(1)
    user.delete("converted/b1.tif", container="cogs")
    until(lambda: "b1_cog" not in assets(user, "converted"), "a deleted COG to leave the Item")
    assert "b1" in assets(user, "converted")


def test_a_cog_that_is_done_before_its_source_waits_for_it(user: User) -> None:
    source = user.stack.blob_url("source", "scenes/early/b1.tif")
    made = user.upload("early/b1.tif", cog(geotiff(seed=2)), container="cogs")
    user.cog_completed(source, made)
    assert user.verdict(made, "waiting")["stage"]
    user.quiet()
    assert user.item("scenes", "early") is None
    user.upload("scenes/early/b1.tif", geotiff(seed=2))
    until(lambda: {"b1", "b1_cog"} <= assets(user, "early").keys(), "the Item with its COG")
    assert user.verdict(made, "searchable")["kind"] == "cog"


def test_a_conversion_in_place_is_a_new_look_at_the_source(user: User) -> None:
    source = user.upload("scenes/in-place/b1.tif", geotiff(seed=3, size=520))
    user.searchable("scenes", ["in-place"])
    user.upload("scenes/in-place/b1.tif", cog(geotiff(seed=3, size=520)))
    user.cog_completed(source, source)
    until(
        lambda: "cloud-optimized" in assets(user, "in-place").get("b1", {}).get("type", ""),
        "the asset to be a COG",
    )
    user.quiet()
    assert "b1_cog" not in assets(user, "in-place")


def test_what_is_no_cog_is_rejected_and_never_shown(user: User) -> None:
    source = user.upload("scenes/no-cog/b1.tif", geotiff(seed=4, size=600))
    user.searchable("scenes", ["no-cog"])
    made = user.upload("no-cog/b1.tif", geotiff(seed=4, size=600), container="cogs")
    user.cog_completed(source, made)
    assert "not-a-cog" in user.verdict(made, "rejected")["why"]
    assert "b1_cog" not in assets(user, "no-cog")


def test_a_cog_of_other_content_than_its_source_has_now_is_stale(user: User) -> None:
    source = user.upload("scenes/outdated/b1.tif", geotiff(seed=5))
    user.searchable("scenes", ["outdated"])
    etag = user.storage.get_blob_client("source", "scenes/outdated/b1.tif").get_blob_properties().etag
    made = user.upload("outdated/b1.tif", cog(geotiff(seed=5)), container="cogs")
    user.cog_completed(source, made, source_etag=etag)
    until(lambda: "b1_cog" in assets(user, "outdated"), "the Item to show its COG")
    user.upload("scenes/outdated/b1.tif", geotiff(seed=6, size=80))
    until(lambda: "b1_cog" not in assets(user, "outdated"), "the outdated COG to leave the Item")
    assert user.verdict(made, "stale")["kind"] == "cog"


def test_a_cog_event_that_cannot_be_handled_is_kept_with_its_reason(user: User) -> None:
    made = user.upload("nowhere/b1.tif", cog(geotiff()), container="cogs")
    user.cog_completed(user.stack.blob_url("source", "nowhere/notes.txt"), made)
    stage, detail, _, event = rejection(user, "no-rule", "nowhere/notes.txt")
    assert stage == "cog-events/cog-updater"
    assert "nowhere/notes.txt" in detail
    assert event["type"] == COG_COMPLETED

    user.cog_completed(user.stack.blob_url("elsewhere", "a.tif"), made)
    assert "elsewhere" in rejection(user, "undeclared-container", "/elsewhere/a.tif")[1]

    envelope = {"specversion": "1.0", "id": f"{BROKEN}-no-data", "source": "tests", "type": COG_COMPLETED}
    user.send("cog-events", {**envelope, "data": {"cog_url": made}}, f"{BROKEN}-no-data")
    assert "source_url" in rejection(user, "malformed-event", f"{BROKEN}-no-data")[1]

    user.send("cog-events", "this is no JSON at all", f"{BROKEN}-garbage")
    assert "no JSON" in rejection(user, "malformed-event", "this is no JSON at all")[1]

    user.send("cog-events", json.dumps([1, 2]), f"{BROKEN}-list")
    assert rejection(user, "malformed-event", "[1, 2]")
    user.quiet()
