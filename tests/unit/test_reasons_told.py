"""Whoever meets a reason finds in the documents what it means."""

import ast
from collections.abc import Iterator

from tests.contracts.reach import ROOT

# What only a command says, to who is in front of it, and what stands in an Item's metadata in other words.
SAID_AT_ONCE = {"not-found", "not-readable", "not-previewed", "not-replayable", "unknown-id"}
SAID_OTHERWISE = {"no-valid-data", "no-such-band", "datetime-not-understood", "nodata-not-of-type"}


def reasons() -> Iterator[str]:
    """The reasons of all rejections in the code."""
    for top in ("shared", "services"):
        for path in sorted((ROOT / top).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Name("Rejected"), args=[ast.Constant(str(reason)), *_]):
                        yield reason


def test_each_reason_of_a_rejection_stands_in_a_document() -> None:
    told = "".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
    found = set(reasons()) - SAID_AT_ONCE - SAID_OTHERWISE
    assert len(found) > 30
    assert [reason for reason in sorted(found) if f"`{reason}`" not in told] == []
