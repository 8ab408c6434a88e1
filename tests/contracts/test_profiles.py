"""Each profile refuses what it must, and says where."""

import pytest

from eventstac.contracts import contract_path
from eventstac.validation import validate_item
from tests.contracts.changed import ITEMS, changed, valid_item
from tests.contracts.invalid_items import INVALID

CASES = [(profile, *case) for profile, cases in INVALID.items() for case in cases]


@pytest.mark.parametrize("name", sorted(path.stem for path in ITEMS.glob("*.json")))
def test_a_valid_item_has_no_problems(name: str) -> None:
    assert validate_item(valid_item(name)) == []


@pytest.mark.parametrize(
    ("profile", "name", "path", "value"), CASES, ids=[f"{case[0]}: {case[1]}" for case in CASES]
)
def test_a_profile_refuses_an_invalid_item_where_it_is_wrong(
    profile: str, name: str, path: str, value: object
) -> None:
    problems = validate_item(changed(valid_item(), path, value))
    said = [problem for problem in problems if problem.schema == f"profiles/{profile}"]
    assert said, f"{name}: nothing from {profile}, but {problems}"
    holder = path.rsplit("/", 1)[0]
    assert any(problem.path.startswith(holder) or path.startswith(problem.path) for problem in said), said


def test_every_profile_has_at_least_ten_invalid_items() -> None:
    there = {path.name for path in contract_path("profiles").glob("*.json")}
    assert {profile for profile, cases in INVALID.items() if len(cases) >= 10} == there
