"""The operator's commands say in one sentence what they lack, before they touch anything."""

import json
import os
from typing import Any

import pytest
from typer.testing import CliRunner

from eventstac.cli.main import app, main
from eventstac.cli.places import blob_url, container_and_prefix
from eventstac.cli.reconcile import _verdict
from eventstac.cli.status import _age
from eventstac.comparing import CollectionReport, Report
from eventstac.containers import ContainerNames, Watched
from eventstac.errors import Rejected, Transient
from eventstac.runs import Run
from eventstac.settings import SettingsMissing


@pytest.mark.parametrize(
    ("command", "lacks"),
    [
        (["reconcile"], ["BlobStorage", "ServiceBus", "POSTGRES_HOST", "SOURCE_CONTAINERS"]),
        (["scan", "source"], ["BlobStorage", "ServiceBus", "POSTGRES_HOST"]),
        (["rebuild", "scenes"], ["POSTGRES_HOST", "POSTGRES_DB", "POSTGRES_USER"]),
        (["status"], ["ServiceBus", "POSTGRES_HOST"]),
        (["rejected", "list"], ["POSTGRES_HOST"]),
        (["rejected", "replay", "--all"], ["ServiceBus", "POSTGRES_HOST"]),
    ],
)
def test_a_command_names_every_setting_that_it_lacks(command: list[str], lacks: list[str]) -> None:
    result = CliRunner().invoke(app, command, env=_nothing())
    assert isinstance(result.exception, SettingsMissing)
    for name in lacks:
        assert name in str(result.exception)


@pytest.mark.parametrize(
    ("named", "prefix", "meant"),
    [
        ("source", "", ("source", "")),
        ("source/", "", ("source", "")),
        ("source/rmnp", "", ("source", "rmnp")),
        ("source/rmnp/2024/", "", ("source", "rmnp/2024/")),
        ("source", "rmnp/2", ("source", "rmnp/2")),
        ("Source\\rmnp", "", ("source", "rmnp")),
    ],
)
def test_a_part_of_a_container_is_named_in_one_word_or_two(
    named: str, prefix: str, meant: tuple[str, str]
) -> None:
    assert container_and_prefix(named, prefix) == meant


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["source/x", "--prefix", "y"], "source/x or source --prefix y"),
        ([""], "names no container: write CONTAINER or CONTAINER/PREFIX"),
        (["/x"], "names no container: write CONTAINER or CONTAINER/PREFIX"),
        (["https://account.blob.core.windows.net/source"], "write CONTAINER or CONTAINER/PREFIX"),
    ],
)
def test_a_scan_of_what_is_no_part_of_a_container_is_refused(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["scan", *arguments], env={**_nothing(), "COLUMNS": "200"})
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("\u2502", " ").split())


def test_a_blob_is_named_by_its_url_or_by_container_and_path() -> None:
    account = "https://a.blob.core.windows.net"
    for named in ("Source/a b.tif", "source\\a b.tif", f"{account}/source/a%20b.tif?sv=1&sig=x"):
        assert blob_url(named, account) == f"{account}/source/a%20b.tif"


@pytest.mark.parametrize(
    "command",
    [
        ["where"],
        ["scan"],
        ["trace"],
        ["blobs", "--url"],
        ["preview"],
        ["rejected", "list", "--url"],
        ["rules", "test"],
    ],
)
def test_an_argument_that_is_no_utf_8_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["eventstac", *command, os.fsdecode(b"source/a\xff.tif")])
    for setting in os.environ:
        if setting.startswith(("BlobStorage", "POSTGRES_", "ServiceBus")):
            monkeypatch.delenv(setting)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert r"b'source/a\xff.tif' is no text of UTF-8" in said
    assert "rename a local file or folder" in said


@pytest.mark.parametrize("named", ["", "source", "source/", "/a.tif", "source//"])
def test_what_names_no_blob_is_told_how_to_write_one(named: str) -> None:
    with pytest.raises(Rejected, match="names no blob: write its URL, or CONTAINER/PATH"):
        blob_url(named, "https://a.blob.core.windows.net")


def test_a_container_that_is_not_watched_is_said_by_its_own_name() -> None:
    watched = Watched("https://a.blob.core.windows.net", ContainerNames(("source", "more"), ("cogs",), "t"))
    assert watched.container_url("cogs") == "https://a.blob.core.windows.net/cogs"
    with pytest.raises(Rejected, match="container 'nope' is not watched: SOURCE_CONTAINERS has source, more"):
        watched.container_url("nope")


def test_a_blob_of_another_account_is_told_by_the_account_and_not_by_its_container() -> None:
    watched = Watched("https://a.blob.core.windows.net", ContainerNames(("source",), ("cogs",), "t"))
    with pytest.raises(Rejected, match=r"is in another account than https://a\.blob") as elsewhere:
        watched.any("https://b.blob.core.windows.net/source/x.tif")
    assert "Add it" not in elsewhere.value.detail
    with pytest.raises(Rejected, match="is in container 'more', and source and cogs are watched"):
        watched.any("https://a.blob.core.windows.net/more/x.tif")


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (SettingsMissing("eventstac status cannot start: x"), "On a laptop: `make up`, then `. .local/env`"),
        (Transient("the database does not answer"), "`make up` starts it"),
    ],
)
def test_a_command_without_the_laptop_s_stack_says_how_to_start_it(
    failure: Exception, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise failure

    monkeypatch.setattr("eventstac.cli.main.app", fail)
    monkeypatch.setattr("sys.argv", ["eventstac"])
    monkeypatch.setenv("POSTGRES_HOST", "127.0.0.1")
    with pytest.raises(SystemExit):
        main()
    assert says in capsys.readouterr().err


def test_a_check_needs_no_service_bus() -> None:
    result = CliRunner().invoke(app, ["reconcile", "--check"], env=_nothing())
    assert "ServiceBus" not in str(result.exception)


@pytest.mark.parametrize("action", ["replay", "discard"])
@pytest.mark.parametrize("arguments", [[], ["an-id", "--all"], ["an-id", "--reason", "gave-up"]])
def test_nothing_is_replayed_or_discarded_by_leaving_everything_out(
    action: str, arguments: list[str]
) -> None:
    result = CliRunner().invoke(app, ["rejected", action, *arguments], env=_nothing())
    assert result.exit_code == 2
    assert "Give ids" in result.output


def test_a_state_that_is_none_is_said() -> None:
    result = CliRunner().invoke(app, ["rejected", "list", "--state", "closed"], env=_nothing())
    assert result.exit_code == 2
    assert "open, replayed, discarded, all" in result.output


def test_a_report_is_the_same_after_it_was_kept() -> None:
    scenes = CollectionReport("scenes", current=7, missing=2, orphaned=1, items=3, lost=1, surplus=1)
    report = Report(4, 12, 1, 2, 0, ("a", "b"), (scenes,), removals=2, removal_limit=1, surplus_kept=1)
    kept: dict[str, Any] = json.loads(json.dumps(report.to_json()))
    assert Report.from_json(kept) == report
    assert kept["completeness"] == 63.64


@pytest.mark.parametrize(
    ("counts", "detail", "said"),
    [
        ({}, "", "no gap"),
        ({"missing": 1}, "", "there is a gap: `eventstac reconcile` mends it"),
        (
            {"missing": 1, "surplus": 1},
            "Items stay",
            "there is a gap: `eventstac reconcile` mends the rest of it",
        ),
        ({"missing": 1, "unwatched": 1}, "", "there is a gap: `eventstac reconcile` mends the rest of it"),
        ({"surplus": 1}, "Items stay", "there is a gap that no reconcile closes by itself"),
        ({"unwatched": 1}, "", "there is a gap that no reconcile closes by itself"),
    ],
)
def test_a_check_says_only_of_what_a_reconcile_mends_that_it_does(
    counts: dict[str, int], detail: str, said: str
) -> None:
    report = Report(1, collections=(CollectionReport("c", **counts),), surplus_kept=counts.get("surplus", 0))
    run = Run("r", (), check_only=True, state="done", removes=True, detail=detail)
    assert _verdict(run, report, []) == said


def test_more_blobs_kept_than_were_counted_are_nothing_to_look_at() -> None:
    report = Report(1, collections=(CollectionReport("c", stale=1),), blobs_kept=2)
    assert not report.mends(removes=False)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (7199, "119 min"), (200_000, "2 d")]
)
def test_an_age_is_told_in_the_unit_that_says_most(
    monkeypatch: pytest.MonkeyPatch, seconds: int, said: str
) -> None:
    from datetime import timedelta

    from tests.samples import START

    monkeypatch.setattr("eventstac.cli.status.now", lambda: START + timedelta(seconds=seconds))
    assert _age(START) == said


def _nothing() -> dict[str, str | None]:
    names = ("BlobStorage", "ServiceBus", "AZURE_STORAGE_CONNECTION_STRING", "SERVICEBUS_CONNECTION_STRING")
    database = ("POSTGRES_HOST", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASS", "POSTGRES_PORT")
    return dict.fromkeys((*names, *database, "SOURCE_CONTAINERS", "SOURCE_CONTAINER"))
