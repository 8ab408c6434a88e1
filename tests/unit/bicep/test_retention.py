"""What a lifecycle rule deletes is what nothing can ask for any more."""

import re
from datetime import timedelta

from eventstac import claims
from eventstac.catalog import pruning
from eventstac.cli import smoke
from eventstac.contracts import read_contract
from eventstac.retrying import RETRY_HOURS_AT_MOST, RetryPolicy
from tests.unit.bicep.source import BICEP

RETENTION = read_contract("retention.json")


def longest_in_a_queue() -> timedelta:
    (namespace,) = read_contract("topology.json")["UserConfig"]["Namespaces"]
    texts = [
        entity["Properties"]["DefaultMessageTimeToLive"]
        for topic in namespace["Topics"]
        for entity in (topic, *topic["Subscriptions"])
    ]
    days = [re.fullmatch(r"P(\d+)D", text) for text in texts]
    return max(timedelta(days=int(found[1])) for found in days if found)


def test_a_claim_outlives_its_message_all_its_retries_and_what_is_kept_of_a_rejection() -> None:
    retries = timedelta(hours=RETRY_HOURS_AT_MOST)
    assert timedelta(seconds=RetryPolicy().give_up_after_s) == timedelta(hours=24) <= retries
    assert longest_in_a_queue() == timedelta(days=14)
    needed = longest_in_a_queue() + retries + pruning.REJECTIONS
    assert timedelta(days=claims.KEPT_DAYS) > needed  # `read` refuses a longer limit
    assert RETENTION["claimDays"] == claims.KEPT_DAYS


def test_the_templates_take_no_longer_limit_of_retries_than_the_apps() -> None:
    main = (BICEP / "main.bicep").read_text()
    assert re.search(rf"@maxValue\({RETRY_HOURS_AT_MOST}\)\nparam retryLimitHours int = 24\n", main)


def test_the_rules_of_the_templates_are_the_contract_s() -> None:
    main = (BICEP / "main.bicep").read_text()
    assert "loadJsonContent('../../contracts/retention.json')" in main
    assert re.search(r"prefix: 'claims/'\s+days: retention\.claimDays", main)
    # What a smoke test that was killed left behind; what it tidies up itself is gone long before.
    prefix = "${smoke}/" + smoke.PATH.partition("{id}")[0]
    assert re.search(rf"prefix: '{re.escape(prefix)}'\s+days: retention\.smokeDays", main)
    assert f"'${{ours}}{smoke.CONTAINER}'" in main
    assert RETENTION["smokeDays"] >= 1
