"""Every message that any test made the apps send, on any topic, keeps its contract. Runs last."""

import json
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from eventstac.validation import event_problems
from tests.e2e.conditions import until
from tests.e2e.rasters import cog, geotiff
from tests.e2e.tapped import topology
from tests.e2e.user import BROKEN, User

pytestmark = pytest.mark.stack

TOPICS = [topic["Name"] for topic in topology()["UserConfig"]["Namespaces"][0]["Topics"]]


@pytest.fixture
def everything_happened(user: User) -> None:
    """One blob's life, so that each kind of event is there even when no other test ran."""
    source = user.upload("scenes/life/b1.tif", geotiff())
    user.upload("scenes/life/bad.tif", b"no raster")
    user.searchable("scenes", ["life"])
    made = user.upload("life/b1.tif", cog(geotiff()), container="cogs")
    user.cog_completed(source, made, source_etag='"0x1"', size=1, job_id="1")
    user.cog_completed(user.stack.blob_url("source", "notes.txt"), made)
    until(lambda: "b1_cog" in (user.item("scenes", "life") or {"assets": {}})["assets"], "the COG")
    user.stack.eventstac("scan", "source", "--prefix", "scenes/life")
    user.delete("scenes/life/b1.tif")
    until(lambda: user.item("scenes", "life") is None, "the Item to go")
    user.quiet()


@pytest.mark.usefixtures("everything_happened")
def test_every_message_on_every_topic_is_valid_by_its_contract(user: User) -> None:
    wrong: list[str] = []
    types: dict[str, Counter[str]] = {}
    for topic in TOPICS:
        events = [event for event in user.seen(topic) if not str(event.get("id")).startswith(BROKEN)]
        types[topic] = Counter(event["type"] for event in events)
        for event in events:
            wrong += [
                f"{topic}: {problem}: {json.dumps(event)}" for problem in event_problems(event, exact=True)
            ]
    assert wrong == []
    assert expected_types() == {topic: set(counts) for topic, counts in types.items()}


def expected_types() -> dict[str, set[str]]:
    storage = "Microsoft.Storage.Blob"
    changes = {"eventstac.item.changed.v1", "eventstac.item.removed.v1", "eventstac.collection.updated.v1"}
    return {
        "blob-events": {f"{storage}Created", f"{storage}Deleted"},
        "scan-requests": {"eventstac.scan.requested.v1"},
        "blobs-matched": {"eventstac.blob.matched.v1"},
        "asset-facts": {f"eventstac.asset.{kind}.v1" for kind in ("read", "gone", "rejected")},
        "cog-events": {"eventstac.cog.completed.v1"},
        "config-events": {f"{storage}Created"},  # the rules file of the tests
        "items-changed": changes,
        "catalog-events": changes,
        "rejected": {"eventstac.event.rejected.v1"},
    }


@pytest.mark.usefixtures("everything_happened")
def test_the_world_is_told_what_the_topic_of_changes_says(user: User) -> None:
    said, heard = (by_id(user.seen(topic)) for topic in ("items-changed", "catalog-events"))
    assert said == heard


def by_id(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Events by their ids; their times as moments, since the SDK of Event Grid writes them in its own way."""
    return {event["id"]: {**event, "time": datetime.fromisoformat(event["time"])} for event in events}
