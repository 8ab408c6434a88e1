"""Where the smoke test uploads its raster."""

import pytest

from eventstac.cli.smoke import chosen_container
from eventstac.errors import Rejected


@pytest.mark.parametrize(
    ("asked", "usual", "sources", "chosen"),
    [
        (None, "smoke", ("source", "smoke"), "smoke"),
        (None, "eventstac-dev-x-smoke", ("rasters", "eventstac-dev-x-smoke"), "eventstac-dev-x-smoke"),
        (None, "smoke", ("source",), "source"),
        ("other", "smoke", ("source", "smoke", "other"), "other"),
    ],
)
def test_it_is_its_own_container_where_there_is_one(
    asked: str | None, usual: str, sources: tuple[str, ...], chosen: str
) -> None:
    assert chosen_container(asked, usual, sources) == chosen


@pytest.mark.parametrize("asked", ["source/below", "source?x", "source#x", "elsewhere"])
def test_what_is_no_source_container_is_refused_with_those_that_are(asked: str) -> None:
    with pytest.raises(Rejected, match=r"no source container.*source, smoke.*--path"):
        chosen_container(asked, "smoke", ("source", "smoke"))
