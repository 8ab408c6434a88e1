"""The declared topics: what eventstac's own file routes, and how a wrong file is refused."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.eventgrid.config import ConfigError, load
from infra.local.eventgrid.testing import CONFIG


def storage_event(kind: str, api: str, container: str = "source") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "i",
        "source": "/subscriptions/x",
        "type": f"Microsoft.Storage.{kind}",
        "subject": f"/blobServices/default/containers/{container}/blobs/a/b.tif",
        "data": {"api": api},
    }


@pytest.mark.parametrize(
    ("event", "routes"),
    [
        *(
            (storage_event("BlobCreated", api), ["created"])
            for api in ("PutBlob", "PutBlockList", "CopyBlob")
        ),
        *((storage_event("BlobCreated", api), ["created"]) for api in ("FlushWithClose", "SftpCommit")),
        (storage_event("BlobCreated", "CreateFile"), []),
        (storage_event("BlobCreated", "PutBlob", "cogs"), []),
        (storage_event("BlobCreated", "PutBlob", "source-2"), []),
        (storage_event("BlobCreated", "PutBlob", "thumbnails"), []),
        (storage_event("BlobDeleted", "DeleteBlob"), ["removed"]),
        (storage_event("BlobDeleted", "DeleteFile"), ["removed"]),
        (storage_event("BlobRenamed", "RenameFile"), ["removed"]),
        (storage_event("BlobDeleted", "DeleteBlob", "cogs"), ["removed-cogs"]),
        (storage_event("BlobDeleted", "DeleteBlob", "deadletter"), []),
        (storage_event("DirectoryDeleted", "DeleteDirectory"), ["directories"]),
        (storage_event("DirectoryRenamed", "RenameDirectory", "cogs"), ["directories-cogs"]),
        (storage_event("DirectoryCreated", "CreateDirectory"), []),
        (storage_event("BlobTierChanged", "SetBlobTier"), ["tier"]),
    ],
)
def test_a_storage_event_takes_the_declared_route(event: dict[str, Any], routes: list[str]) -> None:
    subscriptions = load(CONFIG).system["storage"]
    assert [one.name for one in subscriptions if one.filter.matches(event)] == routes


def test_every_route_leads_to_a_topic_of_the_topology() -> None:
    topology = json.loads((CONFIG.parent / "topology.json").read_text())
    topics = {
        topic["Name"] for namespace in topology["UserConfig"]["Namespaces"] for topic in namespace["Topics"]
    }
    config = load(CONFIG)
    assert {one.destination.address for one in config.subscriptions} <= topics
    assert set(config.custom) == {"cog-events", "catalog-events"}
    for one in config.subscriptions:
        assert (one.max_attempts, one.time_to_live_s) == (30, 24 * 3600)
        assert one.dead_letter_container == "deadletter"


def wrong(change: str, value: Any) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(json.loads(CONFIG.read_text()))
    target: Any = document
    *path, last = change.split("/")
    for part in path:
        target = target[int(part) if part.isdigit() else part]
    target[last] = value
    return document


ROUTE = "systemTopics/0/eventSubscriptions/0"


@pytest.mark.parametrize(
    ("change", "value", "place"),
    [
        (f"{ROUTE}/filter/advancedFilters", [{"operatorType": "StringIs", "key": "k"}], "advancedFilters[0]"),
        (
            f"{ROUTE}/filter/advancedFilters",
            [{"operatorType": "NumberIn", "key": "k", "values": ["1"]}],
            "Filters[0]",
        ),
        (f"{ROUTE}/filter/subjectBegins", "/x", "eventSubscriptions[0].filter"),
        (f"{ROUTE}/retryPolicy/maxDeliveryAttempts", 31, "retryPolicy.maxDeliveryAttempts"),
        (
            f"{ROUTE}/destination",
            {"endpointType": "WebHook", "topic": "x"},
            "eventSubscriptions[0].destination",
        ),
        (f"{ROUTE}/name", "removed", "'storage/removed' is there twice"),
        ("customTopics/0/name", "storage", "'storage' is used twice"),
    ],
)
def test_a_mistake_is_refused_with_its_place(tmp_path: Path, change: str, value: Any, place: str) -> None:
    path = tmp_path / "eventgrid.json"
    path.write_text(json.dumps(wrong(change, value)))
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert place in str(refused.value)
    assert str(path) in str(refused.value)


def test_more_filter_values_than_event_grid_allows_are_refused(tmp_path: Path) -> None:
    conditions = [{"operatorType": "StringIn", "key": "data.a", "values": [str(n) for n in range(13)]}] * 2
    path = tmp_path / "eventgrid.json"
    path.write_text(json.dumps(wrong(f"{ROUTE}/filter/advancedFilters", conditions)))
    with pytest.raises(ConfigError, match="26 filter values"):
        load(path)


def test_a_file_that_is_not_there_or_no_json_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        load(tmp_path / "bad.json")
