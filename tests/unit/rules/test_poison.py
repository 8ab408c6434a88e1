"""One blob's name never stops what is done with others: whatever rules come to with it, it is that blob's alone."""

import pytest

from eventstac.rules import Rules, load_rules
from eventstac.rules.model import CollectionRules, Rule
from eventstac.rules.pattern import Pattern
from tests.samples import url_of
from tests.twins.apps import Pipeline, scene

# 23:00 in a zone five hours to the west, on the last day that a datetime can be: in UTC it is in the year 10000.
BEYOND = "b_99991231T230000-0500.tif"
ZONED = """
collections:
  zoned:
    rules:
      - name: z
        pattern: 'x/{item}_{acq}.tif'
        datetime: [{group: acq, format: "%Y%m%dT%H%M%S%z"}]
      - name: plain
        pattern: 'y/{item}_{datetime:[^/]+}.tif'
"""


@pytest.mark.parametrize("path", [f"x/{BEYOND}", "y/b_0001-01-01T00:00:00+10:00.tif"])
def test_a_datetime_that_is_in_no_year_of_utc_is_none(path: str) -> None:
    explanation = load_rules(ZONED, file="c.yaml").explain(url_of(path))
    assert explanation.match is not None
    assert explanation.match.collection == "bronze-tier"
    assert any("UTC" in tried.why or "is no date" in tried.why for tried in explanation.tried)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> str:
    """A path on which matching fails in a way that nobody foresaw."""
    poison = "scenes/poison/b1.tif"
    match = Pattern.match

    def fail(self: Pattern, path: str) -> dict[str, str] | None:
        if path == poison:
            raise ArithmeticError("as a test wants it")
        return match(self, path)

    monkeypatch.setattr(Pattern, "match", fail)
    return poison


def test_rules_that_fail_on_a_blob_leave_it_unmatched_with_the_reason(failing: str) -> None:
    rules = Rules(
        "c.yaml", (CollectionRules("a", rules=(Rule("r", patterns=(Pattern("x", "x"),)),)),), "bronze-tier"
    )
    explanation = rules.explain(url_of(failing))
    assert (explanation.outcome, explanation.match) == ("unmatched", None)
    assert "ArithmeticError: as a test wants it" in explanation.why


def test_a_blob_that_rules_fail_on_stops_no_scan_no_reconcile_and_no_event(failing: str) -> None:
    pipeline = Pipeline()
    event = pipeline.put(url_of(failing), b"raster 10")
    pipeline.blobs.put(scene("a", "b1"), b"raster 10")
    pipeline.blobs.put(scene("z", "b1"), b"raster 10")
    assert pipeline.deliver(event) == "handled"
    pipeline.run(pipeline.scan())
    assert sorted(pipeline.items) == ["a", "z"]
    run = pipeline.reconcile("r")
    assert (run.state, run.report and run.report["unmatched"]) == ("done", 1)
