"""A topology is read, or refused with the path of its mistake."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from infra.local.servicebus.__main__ import main
from infra.local.servicebus.testing import ROOT
from infra.local.servicebus.topology import TopologyError, load, parse

GOOD: dict[str, Any] = {
    "UserConfig": {
        "Namespaces": [
            {
                "Name": "sbemulatorns",
                "Queues": [{"Name": "q", "Properties": {"LockDuration": "PT30S", "MaxDeliveryCount": 3}}],
                "Topics": [
                    {
                        "Name": "t",
                        "Properties": {
                            "RequiresDuplicateDetection": True,
                            "DuplicateDetectionHistoryTimeWindow": "P1D",
                        },
                        "Subscriptions": [
                            {
                                "Name": "s",
                                "Rules": [
                                    {
                                        "Name": "r",
                                        "Properties": {
                                            "FilterType": "Sql",
                                            "SqlFilter": {"SqlExpression": "1=1"},
                                        },
                                    }
                                ],
                            }
                        ],
                    }
                ],
            }
        ]
    }
}
RULE = ("Topics", 0, "Subscriptions", 0, "Rules", 0, "Properties")


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    at: Any = document["UserConfig"]["Namespaces"][0]
    for step in path[:-1]:
        at = at.setdefault(step, {}) if isinstance(at, dict) else at[step]
    at[path[-1]] = value
    return document


def test_a_good_topology_is_read() -> None:
    topology = parse(GOOD)
    assert [(name, settings.lock_ms, settings.max_deliveries) for name, settings in topology.queues] == [
        ("q", 30_000, 3)
    ]
    assert topology.topics[0].duplicate_window_ms == 86_400_000
    assert [name for name, _ in topology.topics[0].subscriptions[0].rules or ()] == ["r"]


def test_the_contract_is_a_topology_with_the_retry_rule_everywhere() -> None:
    topology = load(ROOT / "contracts" / "topology.json")
    found = {(t.name, s.name): s for t in topology.topics for s in t.subscriptions}
    assert sorted(found) == [
        ("asset-facts", "loader"),
        ("blob-events", "scanner"),
        ("blobs-matched", "extractor"),
        ("cog-events", "cog-updater"),
        ("config-events", "loader"),
        ("items-changed", "collection-update"),
        ("items-changed", "outbound"),
        ("items-changed", "stac-api"),
        ("rejected", "loader"),
        ("scan-requests", "scanner"),
    ]
    for (_, name), subscription in found.items():
        ((_, rule),) = subscription.rules or ()
        assert getattr(rule, "expression", "") == f"retryfor IS NULL OR retryfor = '{name}'"
        assert subscription.settings.dead_letter_expired
        assert subscription.settings.ttl_ms == 14 * 86_400_000


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("Queues", 0, "Properties", "LockDuration"), "5 minutes", "Queues[0].Properties.LockDuration"),
        (("Queues", 0, "Properties", "LockDuration"), "PT6M", "Queues[0].Properties.LockDuration"),
        (("Queues", 0, "Properties", "MaxDeliveryCount"), 0, "Queues[0].Properties.MaxDeliveryCount"),
        (("Queues", 0, "Properties", "Colour"), "red", "Queues[0].Properties.Colour"),
        (("Queues", 0, "Properties", "RequiresSession"), True, "RequiresSession: sessions are not supported"),
        (("Queues", 0, "Properties", "ForwardTo"), "t", "ForwardTo: forwarding is not supported"),
        (("Queues", 0, "Name"), "-q", "Queues[0].Name"),
        (("Queues", 0, "Name"), "T", "the name 't' is given twice"),
        (("Queues",), {}, "Queues: expected an array"),
        ((*RULE, "SqlFilter", "SqlExpression"), "a = ", "SqlExpression: unexpected the end at column 5"),
        ((*RULE, "FilterType"), "Regex", "FilterType: expected Sql or Correlation"),
        ((*RULE, "Action"), {"SqlExpression": "SET a = 1"}, "Action: rule actions are not supported"),
        (("Topics", 0, "Properties", "RequiresDuplicateDetection"), "yes", "expected true or false"),
    ],
)
def test_a_mistake_is_named_by_its_path(path: tuple[Any, ...], value: Any, where: str) -> None:
    with pytest.raises(TopologyError) as raised:
        parse(changed(path, value))
    assert where in str(raised.value)


SCHEMA = json.loads((ROOT / "contracts" / "topology.schema.json").read_text())


def test_the_schema_takes_the_contract_and_refuses_what_the_reader_refuses() -> None:
    validator = jsonschema_rs.validator_for(SCHEMA)
    assert validator.is_valid(json.loads((ROOT / "contracts" / "topology.json").read_text()))
    assert validator.is_valid(GOOD)
    for path, value in (
        (("Queues", 0, "Properties", "LockDuration"), "5 minutes"),
        (("Queues", 0, "Properties", "LockDuration"), "PT"),
        (("Queues", 0, "Properties", "Colour"), "red"),
        (("Queues", 0, "Properties", "RequiresSession"), True),
        (("Queues", 0, "Name"), "-q"),
        ((*RULE, "FilterType"), "Regex"),
        ((*RULE, "Action"), {"SqlExpression": "SET a = 1"}),
    ):
        assert not validator.is_valid(changed(path, value)), path
        with pytest.raises(TopologyError):
            parse(changed(path, value))


def test_an_empty_correlation_filter_is_refused() -> None:
    document = changed(RULE, {"FilterType": "Correlation", "CorrelationFilter": {}})
    with pytest.raises(TopologyError, match="names nothing"):
        parse(document)


def test_the_command_line_says_in_one_sentence_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.json").write_text("{")
    for name, words in (("t.json", "is not JSON"), ("none.json", "cannot be read")):
        code = main(
            ["--topology", str(tmp_path / name), "--data", str(tmp_path), "--key", "k", "--port", "0"]
        )
        error = capsys.readouterr().err
        assert code == 2
        assert words in error
        assert error.count("\n") == 1
