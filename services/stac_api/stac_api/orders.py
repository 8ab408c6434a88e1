"""The order of a search's rows as SQL, with pgstac's own expressions of properties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stac_api.errors import BadRequest
from stac_api.sorting import DEFAULT, SortKey
from stac_api.statements import Statement

COLUMN_TYPES = {
    "id": ("i.id", "text"),
    "collection": ("i.collection", "text"),
    "datetime": ("i.datetime", "timestamptz"),
    "start_datetime": ("i.datetime", "timestamptz"),
    "end_datetime": ("i.end_datetime", "timestamptz"),
}
_WRAPPER_TYPES = {
    "to_text": "text",
    "to_int": "int",
    "to_float": "float8",
    "to_tstz": "timestamptz",
    "to_text_array": "text[]",
}
Key = tuple[str, str, bool]  # expression, SQL type, descending


@dataclass(frozen=True)
class Order:
    """Sort keys as SQL: columns that hold them, the order by these, columns that show them as texts, these' names."""

    keys: tuple[Key, ...]
    columns: str
    by: str
    shown: str
    names: tuple[str, ...]

    def after(self, values: Sequence[str | None], statement: Statement, *, inclusive: bool = False) -> None:
        """Ask for the rows after the one whose keys are shown as these values; with `inclusive` for that one, too."""
        statement.where(_bound(self.keys[0], values[0], statement))
        statement.where(keyset(self.keys, values, statement, inclusive=inclusive))


def complete(sort: Sequence[SortKey]) -> tuple[SortKey, ...]:
    """What is sorted by: by time where nothing is asked for, and by collection and id where all else is the same.

    As pgstac does it, in the first key's direction.
    """
    sort = sort or DEFAULT
    named = {key.field for key in sort}
    ties = (SortKey(name, sort[0].descending) for name in ("collection", "id") if name not in named)
    return (*sort, *ties)


def keys_of(sort: Sequence[SortKey], expressions: Mapping[str, Sequence[str]]) -> tuple[Key, ...]:
    """The keys; of what is no column, `expressions` has pgstac's expression and the function around it."""
    return tuple((*_expression(key.field, expressions), key.descending) for key in sort)


def order(keys: tuple[Key, ...], *, back: bool) -> Order:
    """The order by these keys, or with `back` the opposite one."""
    return _DEFAULTS[back] if keys is DEFAULT_KEYS else _order(keys, back=back)


def _order(keys: tuple[Key, ...], *, back: bool) -> Order:
    turned = tuple((expression, kind, descending != back) for expression, kind, descending in keys)
    return Order(
        turned,
        "".join(f", {expression} AS by{n}" for n, (expression, _, _) in enumerate(keys)),
        ", ".join(f"by{n} {'DESC' if down else 'ASC'}" for n, (_, _, down) in enumerate(turned)),
        "".join(f", by{n}::text AS key{n}" for n in range(len(keys))),
        tuple(f"key{n}" for n in range(len(keys))),
    )


def _expression(field: str, expressions: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    if field in COLUMN_TYPES:
        return COLUMN_TYPES[field]
    expression, wrapper = expressions[field]
    if wrapper not in _WRAPPER_TYPES:
        raise BadRequest("sortby", f"{field!r} cannot be sorted by")
    return expression, _WRAPPER_TYPES[wrapper]


def _bound(key: Key, value: str | None, statement: Statement) -> str:
    """The first key's part of the keyset on its own, which an index can serve."""
    expression, kind, descending = key
    total = expression.startswith("i.")  # a column, never null
    if value is None or not (descending or total):
        return "TRUE"
    return f"{expression} {'<=' if descending else '>='} {statement.value(value)}::text::{kind}"


def keyset(
    keys: Sequence[Key], values: Sequence[str | None], statement: Statement, *, inclusive: bool = False
) -> str:
    """The condition for rows after the one whose sort keys have these values, with `inclusive` for that one, too.

    PostgreSQL puts nulls last in ascending order, first in descending.
    """
    alternatives: list[str] = []
    equal: list[str] = []
    for (expression, kind, descending), text in zip(keys, values, strict=True):
        if text is None:
            after = f"{expression} IS NOT NULL" if descending else None
            same = f"{expression} IS NULL"
        else:
            literal = f"{statement.value(text)}::text::{kind}"
            after = (
                f"{expression} < {literal}"
                if descending
                else f"({expression} > {literal} OR {expression} IS NULL)"
            )
            same = f"{expression} = {literal}"
        if after:
            alternatives.append(" AND ".join([*equal, after]))
        equal.append(same)
    if inclusive:
        alternatives.append(" AND ".join(equal))
    return "(" + (" OR ".join(f"({each})" for each in alternatives) or "FALSE") + ")"


# What nearly every search is sorted by: made once.
DEFAULT_KEYS = keys_of(complete(()), {})
_DEFAULTS = {back: _order(DEFAULT_KEYS, back=back) for back in (False, True)}
