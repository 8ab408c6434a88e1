"""The event contracts: their examples are valid, mistakes are refused, and what the code sends fits them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventstac import events
from eventstac.contracts import contract_path
from eventstac.events.claim import EventClaimed
from eventstac.facts import Finding, Match, Stage
from eventstac.fields import Fields
from eventstac.validation import event_problems, event_types
from tests.contracts.changed import REMOVED, changed

EXAMPLES = sorted(contract_path("events/examples").rglob("*.json"))
NOW = datetime(2024, 5, 1, 10, 0, 2, 500000, tzinfo=UTC)
URL = "https://account.blob.core.windows.net/source/a%20b/%C3%BC.tif"


def example(kind: str) -> dict[str, Any]:
    first = next(path for path in EXAMPLES if path.parent.name == kind)
    document: dict[str, Any] = json.loads(first.read_text())
    return document


@pytest.mark.parametrize("path", EXAMPLES, ids=[f"{path.parent.name}/{path.stem}" for path in EXAMPLES])
def test_an_example_is_valid_to_the_last_field(path: Path) -> None:
    document = json.loads(path.read_text())
    assert document["type"] == path.parent.name
    assert event_problems(document, exact=True) == []


@pytest.mark.parametrize("kind", event_types())
def test_every_type_has_two_examples(kind: str) -> None:
    assert len([path for path in EXAMPLES if path.parent.name == kind]) >= 2


@pytest.mark.parametrize("kind", event_types())
def test_every_required_field_is_missed(kind: str) -> None:
    document = example(kind)
    schema = json.loads(contract_path(f"events/{kind}.json").read_text())
    required = schema["properties"]["data"]["required"]
    assert required
    for name in required:
        assert event_problems(changed(document, f"data/{name}", REMOVED)), f"{kind} without {name} passed"


@pytest.mark.parametrize("kind", event_types())
def test_a_field_of_the_wrong_type_is_refused(kind: str) -> None:
    document = example(kind)
    for name, value in document["data"].items():
        wrong: object = 17 if isinstance(value, dict) else {"an": "object"}
        said = event_problems(changed(document, f"data/{name}", wrong))
        assert any(problem.path.startswith(f"data/{name}") for problem in said), f"{kind}: {name}"


@pytest.mark.parametrize("kind", event_types())
def test_readers_ignore_an_unknown_field_and_the_exact_check_does_not(kind: str) -> None:
    document = changed(example(kind), "data/tomorrow", 1)
    assert event_problems(document) == []
    assert [problem.path for problem in event_problems(document, exact=True)] == ["data"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"),
        ("specversion", REMOVED),
        ("id", ""),
        ("id", 17),
        ("source", REMOVED),
        ("source", "someone else"),
        ("type", REMOVED),
        ("type", 5),
        ("type", "eventstac.blob.matched.v2"),
        ("subject", ""),
        ("time", "2024-05-01 10:00:00"),
        ("time", "2024-05-01T12:00:00+02:00"),
        ("time", "2024-13-01T10:00:00Z"),
        ("datacontenttype", "application/xml"),
        ("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        ("traceparent", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("traceparent", REMOVED),
        ("correlationid", ""),
        ("correlationid", REMOVED),
        ("data", REMOVED),
        ("data", "text"),
        ("Causation", "x"),
    ],
)
def test_a_wrong_envelope_is_refused(name: str, value: object) -> None:
    assert event_problems(changed(example("eventstac.blob.matched.v1"), name, value))


MISTAKES = [
    ("eventstac.scan.requested.v1", "data/reason", "because"),
    ("eventstac.scan.requested.v1", "data/force", "yes"),
    ("eventstac.scan.requested.v1", "data/collection", 5),
    ("eventstac.scan.requested.v1", "data/continuation", 5),
    ("eventstac.scan.requested.v1", "data/container_url", "https://account.blob.core.windows.net/source/"),
    ("eventstac.blob.matched.v1", "data/url", "/source/red.tif"),
    ("eventstac.blob.matched.v1", "data/url", f"{URL}?sig=secret"),
    ("eventstac.blob.matched.v1", "data/url", "https://account.blob.core.windows.net/source/a b.tif"),
    ("eventstac.blob.matched.v1", "data/match/kind", "copy"),
    ("eventstac.blob.matched.v1", "data/match/read", "video"),
    ("eventstac.blob.matched.v1", "data/match/groups", {"date": 20180701}),
    ("eventstac.blob.matched.v1", "data/match/start", "2018-07-01"),
    ("eventstac.blob.matched.v1", "data/match/end", REMOVED),
    ("eventstac.blob.matched.v1", "data/revision", -1),
    ("eventstac.blob.matched.v1", "data/revision", 1.5),
    ("eventstac.blob.matched.v1", "data/timeline/0/at", "10:00"),
    ("eventstac.blob.matched.v1", "data/cog_of", {"etag": "0x1"}),
    ("eventstac.asset.read.v1", "data/etag", ""),
    ("eventstac.asset.read.v1", "data/etag", '"0x8DC69C1B2E4835C"'),
    ("eventstac.asset.read.v1", "data/storage/size", -1),
    ("eventstac.asset.read.v1", "data/storage/content_md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    ("eventstac.asset.read.v1", "data/metadata/bbox", [181, 0, 1, 1]),
    ("eventstac.asset.read.v1", "data/metadata/projection", {"epsg": 32613}),
    ("eventstac.asset.read.v1", "data/metadata/datetimes", [{"source": "path"}]),
    ("eventstac.asset.read.v1", "data/metadata/statistics_exact", 1),
    ("eventstac.asset.gone.v1", "data/etag", "0x8DC69C1B2E4835C"),
    ("eventstac.asset.gone.v1", "data/seen", None),
    ("eventstac.asset.rejected.v1", "data/reason", "Not a raster"),
    ("eventstac.item.changed.v1", "data/change", "deleted"),
    ("eventstac.item.changed.v1", "data/bbox", [0, 0, 1]),
    ("eventstac.item.changed.v1", "data/bbox", [0, 0, 1, 100]),
    ("eventstac.item.changed.v1", "data/urls", ["red.tif"]),
    ("eventstac.item.removed.v1", "data/bbox", "0,0,1,1"),
    ("eventstac.collection.updated.v1", "data/items", -1),
    ("eventstac.collection.updated.v1", "data/extent/spatial/bbox", []),
    ("eventstac.collection.updated.v1", "data/extent/temporal/interval/0", [None]),
    ("eventstac.cog.completed.v1", "data/cog_url", "cogs/red.tif"),
    ("eventstac.cog.completed.v1", "data/size", "5 MB"),
    ("eventstac.event.rejected.v1", "data/event", None),
    ("eventstac.event.rejected.v1", "data/attempts", -1),
    ("Microsoft.Storage.BlobCreated", "subject", "red.tif"),
    ("Microsoft.Storage.BlobCreated", "data/blobType", "Table"),
    ("Microsoft.Storage.BlobCreated", "data/contentLength", "1"),
    ("Microsoft.Storage.BlobRenamed", "data/destinationUrl", REMOVED),
    ("Microsoft.Storage.DirectoryRenamed", "data/sourceUrl", ""),
]


@pytest.mark.parametrize(("kind", "path", "value"), MISTAKES)
def test_a_mistake_is_refused_where_it_is(kind: str, path: str, value: object) -> None:
    said = event_problems(changed(example(kind), path, value))
    assert said
    holder = path.rsplit("/", 1)[0]
    assert any(problem.path.startswith(holder) or path.startswith(problem.path) for problem in said), said


def test_the_same_mistakes_are_told_in_the_same_order() -> None:
    document = changed(changed(example("eventstac.asset.read.v1"), "data/url", 1), "id", 2)
    backwards = dict(reversed(document.items()))
    assert event_problems(document) == event_problems(backwards)
    assert [problem.path for problem in event_problems(document)] == ["data/url", "id"]


def test_nan_in_an_event_is_a_problem() -> None:
    document = changed(example("eventstac.item.changed.v1"), "data/bbox", [float("nan"), 0, 1, 1])
    assert [problem.path for problem in event_problems(document)] == ["data/bbox/0"]


def sent() -> list[events.Event]:
    match = Match("rmnp", "rmnp-1", "red", "dated", groups={"date": "x"}, start=NOW, end=NOW)
    stages = (Stage(NOW, "scanner"),)
    storage = {"size": 1, "last_modified": None, "created": None, "content_type": None}
    storage |= {"content_md5": None, "version_id": None}
    read = Finding(match, 1, "present", NOW, "0x1", storage, {"media_type": "image/tiff"}, timeline=stages)
    gone = Finding(match, 1, "gone", NOW, timeline=stages)
    rejected = Finding(match, 1, "rejected", NOW, "0x1", storage, reason="not-a-raster", detail="it is text")
    cog_of = events.BlobMatched.read(Fields(example("eventstac.blob.matched.v1")["data"], "data")).cog_of
    return [
        events.ScanRequested(
            "run", "http://127.0.0.1:10000/devstoreaccount1/source", "a/", None, "reconcile"
        ),
        events.BlobMatched(URL, match, 1, "cause", stages, cog_of),
        *(events.asset_event(URL, finding, "cause", None) for finding in (read, gone, rejected)),
        events.ItemChanged("c", "i", (0.0, 0.0, 1.0, 1.0), NOW, None, "created", NOW, (URL,), stages),
        events.ItemRemoved("c", "i", None, None, None),
        events.CollectionUpdated(
            "c", {"spatial": {"bbox": [[0, 0, 1, 1]]}, "temporal": {"interval": [[None, None]]}}, 3
        ),
        events.CogCompleted(URL, URL, size=5),
        EventClaimed(
            "https://account.blob.core.windows.net/claims/a.json", "a" * 64, 9, "eventstac.x.v1", URL
        ),
        events.EventRejected("loader", "gave-up", "for a day", None, 9, "text", NOW),
        events.EventRejected("loader", "gave-up", "for a day", URL, 9, {"id": "x"}),
    ]


@pytest.mark.parametrize("event", sent(), ids=lambda event: event.TYPE)
def test_what_the_code_sends_fits_its_contract_to_the_last_field(event: events.Event) -> None:
    sealed = events.seal(event, app="loader", origin=events.Origin.new("cause"), at=NOW)
    assert event_problems(sealed, exact=True) == []


def test_the_code_sends_every_type_of_ours_that_has_a_contract() -> None:
    ours = {kind for kind in event_types() if kind.startswith("eventstac.")}
    assert {event.TYPE for event in sent()} == ours


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.parent.name.startswith("Microsoft.")])
def test_the_code_reads_every_storage_example(path: Path) -> None:
    assert events.storage_changes(events.open_envelope(path.read_bytes()))
