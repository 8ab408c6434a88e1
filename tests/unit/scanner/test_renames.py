"""A rename between a declared container and another: the declared end is looked at."""

from typing import Any

import pytest

from tests.samples import url_of
from tests.twins.apps import Pipeline, scene

RENAMED = "Microsoft.Storage.BlobRenamed"
MOVED = "Microsoft.Storage.DirectoryRenamed"


def renamed(pipeline: Pipeline, source: str, destination: str, event_type: str = RENAMED) -> None:
    data: dict[str, Any] = {"sourceUrl": source, "destinationUrl": destination}
    pipeline.run(pipeline.storage_event(destination, event_type, **data))


def test_a_blob_that_is_renamed_out_of_a_staging_container_becomes_an_item() -> None:
    pipeline = Pipeline()
    pipeline.put(scene("a", "b1"), b"raster 10")
    renamed(pipeline, url_of("a.part", "staging"), scene("a", "b1"))
    assert "a" in pipeline.items


def test_a_blob_that_is_renamed_out_of_a_watched_container_leaves_the_catalog() -> None:
    pipeline = Pipeline()
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.wait(10)
    pipeline.delete(scene("a", "b1"))
    renamed(pipeline, scene("a", "b1"), url_of("a.tif", "elsewhere"))
    assert pipeline.items == {}


def test_a_directory_that_is_renamed_out_of_a_staging_container_is_scanned() -> None:
    pipeline = Pipeline()
    pipeline.put(scene("a", "b1"), b"raster 10")
    renamed(pipeline, url_of("new", "staging"), url_of("scenes/a"), MOVED)
    assert "a" in pipeline.items


@pytest.mark.parametrize("event_type", [RENAMED, MOVED])
def test_a_rename_between_two_other_containers_is_rejected(event_type: str) -> None:
    pipeline = Pipeline()
    renamed(pipeline, url_of("a.tif", "staging"), url_of("a.tif", "elsewhere"), event_type)
    assert [data["reason"] for data in pipeline.bus.data("rejected")] == ["undeclared-container"]


@pytest.mark.parametrize("source", ["no url", url_of(""), "https://account.blob.core.windows.net/"])
def test_an_end_of_a_rename_that_names_no_blob_does_not_hide_the_other(source: str) -> None:
    pipeline = Pipeline()
    pipeline.put(scene("a", "b1"), b"raster 10")
    renamed(pipeline, source, scene("a", "b1"))
    assert "a" in pipeline.items
    renamed(pipeline, source, "no url")
    assert [data["reason"] for data in pipeline.bus.data("rejected")] == ["bad-url"]
