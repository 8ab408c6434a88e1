"""A rules file that is uploaded takes effect by itself; one with mistakes is told of, and changes nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from eventstac.cli.main import app as eventstac
from tests.e2e.conditions import until
from tests.e2e.conftest import brought_up_to_date, collections
from tests.e2e.rasters import geotiff
from tests.e2e.user import User

pytestmark = pytest.mark.stack

NAME = "collections.yaml"


def told(user: User, *command: str) -> Any:
    """What a command prints as JSON."""
    result = CliRunner().invoke(eventstac, [*command, "--json"], env=dict(user.stack.env))
    return json.loads(result.stdout)


@pytest.fixture
def whole(user: User) -> Iterator[dict[str, Any]]:
    """The rules of all tests, put back in the end."""
    rules: dict[str, Any] = collections()
    before = told(user, "status")["rules_file"]["etag"]
    yield rules
    user.upload(NAME, yaml.safe_dump(rules, sort_keys=False).encode(), "config")
    until(lambda: in_force(user, before), "the rules of all tests to be in force again")
    brought_up_to_date(user.stack)


def in_force(user: User, before: str) -> dict[str, Any] | None:
    """What is said of the rules file, once it is another than before and was taken."""
    file: dict[str, Any] = told(user, "status")["rules_file"]
    return file if file["etag"] != before and not file["mistakes"] else None


def test_an_uploaded_rules_file_takes_effect_without_a_command(user: User, whole: dict[str, Any]) -> None:
    rule = {"name": "uploaded", "pattern": "uploaded/{item}/{asset}.tif"}
    more = {"uploaded-rules": {"description": "By upload", "rules": [rule]}}
    rules = {**whole, "collections": {**whole["collections"], **more}}
    user.upload(NAME, yaml.safe_dump(rules, sort_keys=False).encode(), "config")
    shown = until(lambda: user.collection("uploaded-rules"), "the Collection of the uploaded rules")
    assert shown["description"] == "By upload"
    until(
        lambda: told(user, "collections", "show")["text"].count("uploaded/{item}"), "the rules to be in force"
    )
    user.upload("uploaded/one/b1.tif", geotiff(seed=77))
    user.searchable("uploaded-rules", ["one"])


def test_changed_rules_bring_what_is_there_along_without_a_command(user: User, whole: dict[str, Any]) -> None:
    url = user.upload("rerun/one/b1.tif", geotiff(seed=78))
    rule = {"name": "rerun", "pattern": "rerun/{item}/{asset}.tif", "properties": {"platform": "kite"}}
    rules = {**whole, "collections": {**whole["collections"], "rerun": {"rules": [rule]}}}
    until(
        lambda: told(user, "where", url)["verdict"] == "searchable", "the blob to be an Item without a rule"
    )
    user.upload(NAME, yaml.safe_dump(rules, sort_keys=False).encode(), "config")
    until(lambda: "rerun/{item}" in told(user, "collections", "show")["text"], "the rules to be in force")
    brought_up_to_date(user.stack)
    user.searchable("rerun", ["one"])
    item = user.item("rerun", "one")
    assert item is not None
    assert item["properties"]["platform"] == "kite"


def test_a_rules_file_with_mistakes_is_rejected_by_line(user: User, whole: dict[str, Any]) -> None:
    revision = told(user, "status")["revision"]
    user.upload(NAME, b"collections:\n  scenes:\n    rulez: []\n", "config")

    def refused() -> list[dict[str, Any]]:
        listed = told(user, "rejected", "list", "--reason", "rules-invalid")
        return [one for one in listed if f"{NAME}:3:" in one["detail"]]

    until(refused, "the rejection of the rules file")
    status = told(user, "status")
    assert f"{NAME}:3:" in status["rules_file"]["mistakes"]
    assert status["revision"] == revision
    for one in refused():
        told(user, "rejected", "discard", one["id"])
