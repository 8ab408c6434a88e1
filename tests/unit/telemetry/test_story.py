"""`eventstac trace` reads what the apps told, and says clearly where there is nothing to tell."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eventstac.bus import Received
from eventstac.cli.main import app
from eventstac.errors import EventstacError
from eventstac.handling import Handling
from eventstac.origin import Origin
from eventstac.telemetry.files import open_files
from eventstac.telemetry.spans import Span
from eventstac.telemetry.story import NoStory, stories

URL = "http://127.0.0.1:10000/devstoreaccount1/source/a%20b.tif"
START = Origin.new("an event")
SECOND = 1_000_000_000
BEGAN = 1_700_000_000 * SECOND


def tell(folder: Path, teller: str, *spans: Span) -> None:
    recorder = open_files(teller, str(folder), pytest.fail)
    for span in spans:
        recorder.record(span)
    recorder.close()


def span(name: str, origin: Origin, parent: Origin | None, after_s: float = 0.0, **about: Any) -> Span:
    start = BEGAN + int(after_s * SECOND)
    attributes = {"outcome": "handled", "topic": "t", "subscription": "s", **about}
    ended = start + SECOND // 2
    return Span(name, origin, parent.span if parent else None, start, ended, "consumer", attributes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    first, second = START.within("a"), START.within("b")
    tell(tmp_path, "scanner", span("blob-events/scanner", first, None, blob=URL))
    tell(
        tmp_path, "loader", span("asset-facts/loader", second, first, 2.0, blob=URL, item="i", collection="c")
    )
    return tmp_path


def test_a_trace_is_found_by_its_id_by_a_traceparent_and_by_the_blob_in_any_spelling(folder: Path) -> None:
    spelled = (URL, URL.replace("%20", " "), "source/a b.tif", "Source\\a b.tif")
    for wanted in (START.trace, START.trace.upper(), START.traceparent, *spelled):
        [story] = stories(folder, wanted)
        assert [(one.app, one.depth) for one in story.spans] == [("scanner", 0), ("loader", 1)]
        assert story.missing == frozenset()
        assert story.seconds == pytest.approx(2.5)


def test_what_a_cog_s_event_met_with_is_found_by_the_cog_and_by_its_source(tmp_path: Path) -> None:
    cog = URL.replace("/source/", "/cogs/")
    event = {"specversion": "1.0", "id": "e", "source": "me", "type": "eventstac.cog.completed.v1"}
    body = json.dumps({**event, "data": {"source_url": URL, "cog_url": cog.replace("%20", " ")}}).encode()
    came = Received("cog-events", "cog-updater", "m", body, 3, datetime.now(UTC))
    tell(tmp_path, "cog_updater", Handling.begin(came).span("waiting", {"detail": "the database is away"}))
    for wanted in (URL, cog, "source/a b.tif", "cogs/a b.tif"):
        [story] = stories(tmp_path, wanted)
        assert [one.attributes["outcome"] for one in story.spans] == ["waiting"]


def test_a_parent_that_nobody_told_of_is_named(folder: Path) -> None:
    tell(folder, "stac_api", span("items-changed/stac-api", START.within("c"), START.within("lost"), 3.0))
    [story] = stories(folder, START.trace)
    assert story.missing == {START.within("lost").span}
    assert len(story.spans) == 3


def test_a_span_that_was_told_twice_is_told_once(folder: Path) -> None:
    tell(folder, "loader", span("asset-facts/loader", START.within("b"), START.within("a"), 9.0))
    [story] = stories(folder, START.trace)
    assert len(story.spans) == 2


def test_half_a_line_of_an_app_that_was_killed_hides_nothing(folder: Path) -> None:
    with (folder / "scanner.spans.jsonl").open("a") as file:
        file.write('{"trace": "12')
    assert len(stories(folder, START.trace)[0].spans) == 2


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("0" * 31, "neither a trace's id"),
        ("source", "nor a blob's URL or CONTAINER/PATH"),
        ("a b.tif", "nor a blob's URL or CONTAINER/PATH"),
        ("source/a.tif", "no span of source/a.tif"),
        ("devstoreaccount1/source/a b.tif", "no span of devstoreaccount1"),
        ("a" * 32, "no span of the trace"),
        (URL + "x", "no span of http"),
    ],
)
def test_what_means_no_trace_is_told_with_what_to_do(folder: Path, wanted: str, said: str) -> None:
    with pytest.raises(NoStory, match=said):
        stories(folder, wanted)


def test_a_folder_without_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoStory, match="no app has told anything yet"):
        stories(tmp_path / "none", START.trace)


def run(*arguments: str, env: dict[str, str | None]) -> Any:
    clean: dict[str, str | None] = {"TELEMETRY_FOLDER": None, "APPLICATIONINSIGHTS_CONNECTION_STRING": None}
    return CliRunner().invoke(app, ["trace", *arguments], env={**clean, **env})


def test_the_command_shows_a_table_and_the_whole_as_json(folder: Path) -> None:
    env: dict[str, str | None] = {"TELEMETRY_FOLDER": str(folder)}
    shown = run(URL, env=env)
    assert shown.exit_code == 0, shown.output
    for text in ("blob-events/scanner", "asset-facts/loader", "2.000 s", "c/i", URL):
        assert text in shown.output
    document = json.loads(run(START.trace, "--json", env=env).output)
    assert [one["app"] for one in document["traces"][0]["spans"]] == ["scanner", "loader"]


def test_what_was_handled_as_one_with_another_trace_is_said_once(folder: Path) -> None:
    other = Origin.new("another event")
    batch = replace(
        span("publish", Origin.new("a batch"), None, 3.0), links=(START.within("a"), START.within("b"), other)
    )
    tell(folder, "publisher", batch, replace(batch, origin=batch.origin.within("again")))
    shown = run(START.trace, env={"TELEMETRY_FOLDER": str(folder)}).output
    assert shown.count("publisher handled it as one with another trace: " + other.trace) == 1


def test_earlier_traces_of_a_blob_are_counted(folder: Path) -> None:
    for count in ("1 earlier trace of it", "2 earlier traces of it"):
        tell(folder, "scanner", span("blob-events/scanner", Origin.new(count), None, blob=URL))
        assert count in run(URL, env={"TELEMETRY_FOLDER": str(folder)}).output


def test_without_a_folder_the_command_says_which_setting_names_it() -> None:
    shown = run(URL, env={})
    assert isinstance(shown.exception, EventstacError)
    assert "TELEMETRY_FOLDER is not set" in str(shown.exception)


def test_on_azure_the_command_says_where_traces_are() -> None:
    shown = run(URL, env={"APPLICATIONINSIGHTS_CONNECTION_STRING": "x"})
    assert "Application Insights" in str(shown.exception)
