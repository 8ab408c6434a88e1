"""`eventstac rules check` and `eventstac rules test`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eventstac.cli import rules as command

GOOD = (
    "collections:\n  a:\n    rules:\n      - {name: r, pattern: 's/{item}/{asset}.tif', item: 'i-{item}'}\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "collections.yaml"
    path.write_text(GOOD)
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(command.app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_check_says_that_a_good_file_is_good(file: Path) -> None:
    code, output = run("check", file)
    assert code == 0
    assert "1 collection, 1 rule, no mistakes" in output


@pytest.mark.parametrize("text", ["", "# nothing\n", " \n\n", "---\n", "\ufeff"])
def test_check_finds_a_file_that_says_nothing(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    code, output = run("check", file)
    assert code == 1
    assert "The file is empty. Write `collections: {}` if there are to be no rules." in output


def test_a_file_may_say_that_there_are_no_rules(file: Path) -> None:
    file.write_text("collections: {}\n")
    code, output = run("check", file)
    assert code == 0
    assert "0 collections, 0 rules, no mistakes" in output


def test_check_takes_a_byte_order_mark_and_says_what_to_do_with_other_encodings(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8-sig")
    assert run("check", file)[0] == 0
    file.write_text(GOOD, encoding="utf-16")
    code, output = run("check", file)
    assert code == 1
    assert "is no UTF-8 text" in output
    assert "Save it as UTF-8" in output


def test_check_lists_mistakes_by_line(file: Path) -> None:
    file.write_text(GOOD.replace("{item}/", "x/"))
    code, output = run("check", file)
    assert code == 1
    assert output.startswith(f"{file}:4: The Item id needs a group 'item'")
    assert json.loads(run("check", file, "--json")[1])["mistakes"][0]["line"] == 4


def test_check_warns_of_what_is_not_decided_and_is_content(file: Path) -> None:
    rules = [
        "{name: a, pattern: 's/{item}_{k}.tif', groups: {k: {lookup: {a_b: x}, from: k}}, asset: d}",
        "{name: b, pattern: 's/x_{item}.tif', asset: d}",
    ]
    file.write_text("collections:\n  a:\n    rules:\n" + "".join(f"      - {rule}\n" for rule in rules))
    code, output = run("check", file)
    assert code == 0
    assert output.startswith(f"{file}:5: warning: Whether the rules 'a' (line 4) and 'b'")
    told = json.loads(run("check", file, "--json")[1])
    assert (told["valid"], told["mistakes"], told["warnings"][0]["line"]) == (True, [], 5)


def test_check_finds_a_builder_that_is_not_installed(file: Path) -> None:
    file.write_text(GOOD.replace("name: r,", "name: r, builder: 'no_such_package:build',"))
    code, output = run("check", file)
    assert code == 1
    assert output.startswith(f"{file}:4: ")
    assert "no_such_package" in output


def test_check_finds_a_builder_that_takes_no_item_and_facts(file: Path) -> None:
    file.write_text(GOOD.replace("name: r,", "name: r, builder: 'os:system',"))
    code, output = run("check", file)
    assert code == 1
    assert output.startswith(f"{file}:4: builder 'os:system' does not take an Item and its facts")
    assert "def finish(item, facts)" in output
    file.write_text(GOOD.replace("name: r,", "name: r, builder: 'tests.unit.compose.builders:count_files',"))
    assert run("check", file)[0] == 0


@pytest.mark.parametrize("name", ["My Rasters", "größe", "a%2Fb"])
def test_a_default_collection_whose_id_is_none_is_refused(
    file: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("check", file, "--default-collection", name)[0] == 2
    monkeypatch.setenv("STAC_DEFAULT_COLLECTION", name)
    assert run("check", file)[0] == 2
    assert run("test", "--rules", file, "x.tif")[0] == 2


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    code, output = run("check", tmp_path / "none.yaml")
    assert code == 1
    assert "cannot be read" in output
    assert "Traceback" not in output


def test_paths_are_shown_with_what_they_are_and_why(file: Path) -> None:
    code, output = run("test", "s/1/b.tif", "x.txt", "--rules", file)
    assert code == 0
    assert "item: i-1" in output
    assert "x.txt: unmatched" in output
    shown = json.loads(run("test", "s/1/b.tif", "y.tif", "--rules", file, "--json")[1])
    assert [each["collection"] for each in shown] == ["a", "bronze-tier"]
    assert shown[1]["tried"] == [
        {"collection": "a", "rule": "r", "why": "the path is not s/{item}/{asset}.tif"}
    ]


def test_links_and_the_moment_of_a_period_are_shown(file: Path) -> None:
    file.write_text(
        "collections:\n  a:\n    rules:\n      - name: r\n        pattern: '{start}_{end}_{item}.tif'\n"
        "        nominal_datetime: middle\n"
        "        links: [{rel: via, href: 'https://example.org/{item}'}]\n"
    )
    paths = ("20240101_20240102_x.tif", "20240101T120000_20240101T120000_x.tif", "s/1/y.tif")
    code, output = run("test", *paths, "--rules", file)
    assert code == 0
    assert output.count("nominal_datetime: ") == 1
    assert "  nominal_datetime: 2024-01-01T12:00:00Z\n" in output
    assert '  links: [{"rel": "via", "href": "https://example.org/x"}]\n' in output
    period, instant, other = json.loads(run("test", *paths, "--rules", file, "--json")[1])
    assert [each["nominal_datetime"] for each in (period, instant)] == ["2024-01-01T12:00:00Z", None]
    assert period["links"] == instant["links"] == [{"rel": "via", "href": "https://example.org/x"}]
    assert (other["nominal_datetime"], other["links"]) == (None, [])


def test_of_a_container_of_cogs_it_is_said_that_no_rule_is_asked(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COG_CONTAINERS", "made, cogs")
    monkeypatch.setenv("SOURCE_CONTAINERS", "source,made")
    monkeypatch.setattr(
        command, "_listing", lambda *_: iter(["https://account.blob.core.windows.net/x/y.tif"])
    )
    for *arguments, container in (["s/1/b.tif"], "cogs"), ([], "cogs"), ([], "cogs/p/"):
        asked = ("test", *arguments[0], "--container", container, "--rules", file)
        assert run(*asked)[1].count("note: cogs is one of COG_CONTAINERS") == 1
        told = json.loads(run(*asked, "--json")[1])
        assert "cog.completed" in (told[0] if arguments[0] else told)["note"]
    for container in ("made", "source", "others"):  # of the first two rules are asked
        asked = ("test", "s/1/b.tif", "--container", container, "--rules", file)
        assert "note" not in run(*asked)[1]
        assert json.loads(run(*asked, "--json")[1])[0]["note"] == ""
    assert "is no URL" in run("test", "http://[x/a", "--rules", file)[1]


def test_an_item_of_one_file_is_named_as_it_will_be_in_the_account_of_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "AccountName=mine;AccountKey=a2V5;EndpointSuffix=core.windows.net"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"DefaultEndpointsProtocol=https;{key}")
    url = "https://mine.blob.core.windows.net/source/y.tif"
    by_path, by_url = json.loads(run("test", "y.tif", url, "--rules", file, "--json")[1])
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
    monkeypatch.setenv("BlobStorage__blobServiceUri", "https://mine.blob.core.windows.net/")
    (by_identity,) = json.loads(run("test", "y.tif", "--rules", file, "--json")[1])
    assert by_path["item"] == by_url["item"] == by_identity["item"]


def test_a_container_is_counted_by_rule(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def listing(container: str, prefix: str) -> Iterator[str]:
        assert (container, prefix) == ("source", "p/")
        for path in ("s/1/b.tif", "s/2/b.tif", "y.tif", "n.txt", "m.txt"):
            yield f"https://account.blob.core.windows.net/source/{path}"

    monkeypatch.setattr(command, "_listing", listing)
    arguments = ("test", "--container", "source", "--prefix", "p/", "--rules", file)
    counted = json.loads(run(*arguments, "--samples", 1, "--json")[1])
    assert counted["rules"] == [
        {"collection": "a", "rule": "r", "blobs": 2},
        {"collection": "bronze-tier", "rule": "", "blobs": 1},
    ]
    assert (counted["blobs"], counted["unmatched"], len(counted["samples"])) == (5, 2, 1)
    assert "unmatched" in run(*arguments)[1]


def test_a_container_without_a_connection_is_one_sentence(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    monkeypatch.delenv("BlobStorage", raising=False)
    code, output = run("test", "--container", "source", "--rules", file)
    assert code == 1
    assert "AZURE_STORAGE_CONNECTION_STRING" in output


def test_neither_paths_nor_container_is_a_usage_error(file: Path) -> None:
    assert run("test", "--rules", file)[0] == 2


def test_a_rules_file_that_is_named_by_a_url_is_told_to_be_one() -> None:
    code, output = run("check", "https://host/y.yaml")
    assert code == 1
    assert "is a URL: download it, and name the file" in output
