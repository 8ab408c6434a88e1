"""What an alert asks for is what the apps tell."""

import re

from eventstac.events.timeline import freshness_s
from eventstac.retrying import RetryPolicy
from eventstac.telemetry.figures import FIGURES
from tests.contracts.reach import ROOT
from tests.unit.bicep.source import BICEP
from tests.unit.bicep.test_settings import triggers

ALERTS = (BICEP / "modules" / "alerts.bicep").read_text()


def test_a_figure_that_an_alert_asks_for_is_one_of_ours() -> None:
    asked = set(re.findall(r'name == "(eventstac[.][\w.]+)"', ALERTS))
    assert asked == {
        "eventstac.queue.oldest_age",
        "eventstac.queue.dead_letters",
        "eventstac.message.failing",
        "eventstac.rejections",
        "eventstac.completeness",
        "eventstac.reconcile.completeness",
        "eventstac.outbox.oldest_age",
    }
    assert asked <= set(FIGURES)


def test_an_outage_of_a_quarter_of_an_hour_is_told_of_and_a_single_retry_is_not() -> None:
    (limit,) = re.findall(r"^var failingSeconds = (\d+)", ALERTS, re.MULTILINE)
    pause = RetryPolicy().longest_s
    assert 2 * pause <= int(limit) <= 15 * 60 - pause
    assert "max(valueMax)" in ALERTS.partition("name: 'failing-messages'")[2].partition("severity")[0]


def query_of(alert: str) -> str:
    return ALERTS.partition(f"    name: '{alert}'")[2].partition("query: ")[2].partition("\n")[0]


def test_messages_that_the_api_hears_are_no_requests_of_readers_and_no_other_function_of_it_is_a_message() -> (
    None
):
    (listener,) = re.findall(r"^var apiListener = '(\w+)'$", ALERTS, re.MULTILINE)
    heard = [name for name, kind in triggers("stac-api").items() if kind != "route"]
    assert heard == [listener]
    assert '=~ "${apiName}" and not(name endswith "${apiListener}") |' in query_of("api-p95")
    assert '(cloud_RoleName !~ "${apiName}" or name endswith "${apiListener}") and' in query_of(
        "failed-functions"
    )


def test_an_attribute_that_an_alert_asks_for_is_noted_by_the_code() -> None:
    asked = set(re.findall(r'customDimensions\["(\w+)"\]', ALERTS))
    assert {"freshness_s", "topic", "subscription", "collection"} <= asked
    code = "".join(
        path.read_text() for folder in ("shared", "services") for path in (ROOT / folder).rglob("*.py")
    )
    for name in asked:
        assert f"{name}=" in code or f'"{name}"' in code, name
    assert freshness_s(()) is None


def test_every_figure_and_every_alert_has_its_line_in_the_docs() -> None:
    operate, deploy = (ROOT / "docs" / name for name in ("operate.md", "deploy.md"))
    assert [name for name in FIGURES if f"`{name}`" not in operate.read_text()] == []
    names = re.findall(r"^    name: '([\w-]+)'$", ALERTS, re.MULTILINE)
    assert len(names) > 12
    table = deploy.read_text().partition("## When an alert comes")[2]
    assert [name for name in names if name not in table] == []
