"""Searches by numbers against a model of the numbers: whatever type the rules of which Collection give a property."""

import asyncio
import operator
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eventstac.catalog import applying
from eventstac.rules import load_rules
from infra.local.postgres.testing import RunningPostgres
from stac_api.bases import Bases
from stac_api.database import Database
from stac_api.item_search import ItemSearch
from stac_api.searches import from_body
from tests.integration.conftest import new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import load, settings_for

RULES = """
collections:
  whole: {queryables: {gsd: {type: integer, sortable: true}}}
  broken: {queryables: {gsd: {type: number}}}
  undeclared: {}
"""
VALUES: dict[str, tuple[float | None, ...]] = {
    "whole": (5, 10, 100, 0, -3, 2.5, -2.5, 2**31, -(2**31) - 1, 2**53, 10**18, 1e300, None),
    "broken": (7.5, 30, 10, -0.5, 2.500001, 1e-300, 3_000_000_000.5, -1e300, None),
    "undeclared": (200, 9.99, 10, -2, None),
}
NUMBERS = {
    f"{collection}-{n:02}": (collection, value)
    for collection, values in VALUES.items()
    for n, value in enumerate(values)
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

present = [value for _, value in NUMBERS.values() if value is not None]
literals = st.one_of(
    st.sampled_from(present),
    st.sampled_from(present).map(lambda value: value + 0.5),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
)
among = st.lists(st.sampled_from(sorted(VALUES)), min_size=1, unique=True) | st.none()


@pytest.fixture(scope="module")
def found(postgres: RunningPostgres) -> Iterator[Callable[..., list[str]]]:
    """Ids that a search body finds, in order."""
    database = new_database(postgres)
    rules = load_rules(RULES, file="collections.yaml")
    with database.connect() as connection:
        applying.prepare(connection, rules)
        applying.apply(connection, RULES, rules, "a test")
    when = "2021-01-01T00:00:00Z"
    items = [
        catalog.item(name, collection, [0, 0, 1, 1], when, **({} if value is None else {"gsd": value}))
        for name, (collection, value) in NUMBERS.items()
    ]
    load(database.settings.conninfo, [], items)
    asked = settings_for(database)
    loop = asyncio.new_event_loop()
    reader = Database(asked)
    search = ItemSearch(reader, Bases(reader), asked)

    def ids(**body: object) -> list[str]:
        page = loop.run_until_complete(search.page(from_body({"limit": 100, **body}, asked)))
        return [row[0] for row in page.rows]

    yield ids
    loop.run_until_complete(reader.close())
    loop.close()


def numbers(collections: list[str] | None) -> dict[str, float]:
    """Those of the Items that have one."""
    return {
        name: float(value)
        for name, (collection, value) in NUMBERS.items()
        if value is not None and collection in (collections or VALUES)
    }


def body(op: str, args: list[object], collections: list[str] | None) -> dict[str, object]:
    asked = {"filter": {"op": op, "args": [{"property": "gsd"}, *args]}}
    return asked | ({"collections": collections} if collections else {})


fewer = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fewer
@given(op=st.sampled_from(sorted(COMPARISONS)), literal=literals, collections=among)
@example(op="<", literal=20, collections=None)
@example(op=">=", literal=1.5, collections=["whole"])
@example(op="=", literal=2, collections=["whole"])
@example(op="<", literal=99999999999, collections=["whole"])
def test_comparisons(
    found: Callable[..., list[str]], op: str, literal: float, collections: list[str] | None
) -> None:
    right = {name for name, value in numbers(collections).items() if COMPARISONS[op](value, float(literal))}
    assert set(found(**body(op, [literal], collections))) == right


@fewer
@given(ends=st.tuples(literals, literals).map(sorted), collections=among)
@example(ends=[6, 50], collections=None)
@example(ends=[0.6, 1.4], collections=["whole"])
def test_between(found: Callable[..., list[str]], ends: list[float], collections: list[str] | None) -> None:
    low, high = map(float, ends)
    right = {name for name, value in numbers(collections).items() if low <= value <= high}
    assert set(found(**body("between", [*ends], collections))) == right


@fewer
@given(members=st.lists(literals, min_size=1, max_size=5), collections=among)
def test_in(found: Callable[..., list[str]], members: list[float], collections: list[str] | None) -> None:
    right = {
        name for name, value in numbers(collections).items() if value in [float(each) for each in members]
    }
    assert set(found(**body("in", [members], collections))) == right


@pytest.mark.parametrize("collections", [None, ["whole"], ["broken", "whole"]])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_order(found: Callable[..., list[str]], direction: str, collections: list[str] | None) -> None:
    asked = {"collections": collections} if collections else {}
    values = numbers(collections)
    sortby = [{"field": "gsd", "direction": direction}]
    order = [values[name] for name in found(sortby=sortby, **asked) if name in values]
    assert order == sorted(values.values(), reverse=direction == "desc")
