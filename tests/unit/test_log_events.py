"""Logs are events: each has a name that stays, and what it is about in fields."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.contracts.reach import ROOT

LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


def events() -> Iterator[tuple[str, ast.Call, ast.expr]]:
    """Where something is logged, the call, and what is said first."""
    for top in ("shared", "services"):
        for path in sorted((ROOT / top).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                if ast.unparse(node.func.value) in ("log", "_log", "logging", "logger"):
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    if node.func.attr in LEVELS:
                        yield place, node, node.args[0]
                    elif node.func.attr == "log":
                        yield place, node, node.args[1]


EVENTS = list(events())


@pytest.mark.parametrize(("place", "call", "said"), EVENTS, ids=[place for place, _, _ in EVENTS])
def test_what_is_logged_is_an_event_with_fields(place: str, call: ast.Call, said: ast.expr) -> None:
    assert isinstance(said, ast.Constant), place
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", str(said.value)), place
    assert {keyword.arg for keyword in call.keywords} & {"extra", "exc_info"}, place


def test_the_table_for_operators_has_each_of_them_and_no_other() -> None:
    operate = (ROOT / "docs" / "operate.md").read_text()
    table = operate.partition("**Log events**")[2].partition("On Azure:")[0]
    listed = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(listed))) == {ast.literal_eval(said) for _, _, said in EVENTS}


def test_there_are_such_places() -> None:
    assert len(EVENTS) > 12
