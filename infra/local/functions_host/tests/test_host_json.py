"""host.json is read as the real host reads it, and its mistakes are named."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from infra.local.functions_host import host_json
from infra.local.functions_host.errors import BadSetting
from infra.local.functions_host.timespan import seconds_of


def read(folder: Path, **content: Any) -> host_json.HostConfig:
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | content))
    return host_json.read(folder)


def test_what_is_not_said_has_the_documented_defaults(tmp_path: Path) -> None:
    config = read(tmp_path)

    assert (config.function_timeout_s, config.route_prefix) == (1800, "api")
    options = config.service_bus
    assert options.max_concurrent_calls % 16 == 0
    assert (options.max_message_batch_size, options.min_message_batch_size, options.max_batch_wait_s) == (
        1000,
        1,
        30,
    )
    assert (options.prefetch_count, options.auto_complete_messages, options.max_auto_lock_renewal_s) == (
        0,
        True,
        300,
    )


def test_what_is_said_is_obeyed(tmp_path: Path) -> None:
    service_bus = {
        "maxConcurrentCalls": 2,
        "maxMessageBatchSize": 50,
        "minMessageBatchSize": 5,
        "maxBatchWaitTime": "00:00:02",
        "prefetchCount": 7,
        "autoCompleteMessages": False,
        "maxAutoLockRenewalDuration": "00:10:00",
    }
    config = read(
        tmp_path,
        functionTimeout="00:05:00",
        extensions={"http": {"routePrefix": ""}, "serviceBus": service_bus},
    )

    assert (config.function_timeout_s, config.route_prefix) == (300, "")
    assert config.service_bus == host_json.ServiceBusOptions(2, 50, 5, 2.0, 7, False, 600.0)


def test_no_limit_and_renewal_for_ever(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        functionTimeout="-1",
        extensions={"serviceBus": {"maxAutoLockRenewalDuration": "-00:00:00.0010000"}},
    )

    assert config.function_timeout_s is None
    assert config.service_bus.max_auto_lock_renewal_s == math.inf


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"maxConcurrentCalls": 0}, "maxConcurrentCalls is 0"),
        ({"maxConcurrentCalls": True}, "maxConcurrentCalls is True"),
        ({"prefetchCount": -1}, "prefetchCount is -1"),
        ({"minMessageBatchSize": 5, "maxMessageBatchSize": 4}, "minMessageBatchSize must not be greater"),
        ({"maxBatchWaitTime": "00:03:00"}, "maxBatchWaitTime"),
        ({"maxBatchWaitTime": "5"}, "must be a time span"),
        ({"maxBatchWaitTime": "00:61:00"}, "hours go to 23"),
        ({"autoCompleteMessages": "true"}, "must be true or false"),
    ],
)
def test_a_mistake_is_named_with_its_path(tmp_path: Path, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadSetting, match=r"extensions\.serviceBus") as caught:
        read(tmp_path, extensions={"serviceBus": options})
    assert complaint in str(caught.value)


@pytest.mark.parametrize("content", [{"version": "1.0"}, {"extensions": []}, {"functionTimeout": "00:00:00"}])
def test_other_mistakes_are_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=r"host\.json"):
        read(tmp_path, **content)


def test_time_spans_have_days_and_fractions() -> None:
    assert seconds_of("1.02:03:04.5000000", "") == 93784.5
    assert seconds_of("01:00", "") == 3600
