"""A little help to write SQL: text and its parameters, kept together."""

from collections.abc import Sequence


class Statement:
    """Collects conditions and the values they refer to; every value is a parameter, never text."""

    def __init__(self) -> None:
        self.args: list[object] = []
        self.conditions: list[str] = []

    def value(self, value: object) -> str:
        """Add a parameter; returns its placeholder."""
        self.args.append(value)
        return f"${len(self.args)}"

    def where(self, condition: str) -> None:
        """Ask for one more condition."""
        self.conditions.append(condition)

    @property
    def where_clause(self) -> str:
        """All of them, or what is always true."""
        return " AND ".join(self.conditions) or "TRUE"


def keyset(keys: Sequence[tuple[str, str, bool]], values: Sequence[str | None], statement: Statement) -> str:
    """The condition for rows after the one whose sort keys have these values.

    A key is (expression, SQL type, descending). PostgreSQL puts nulls last in ascending order, first in descending.
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
    return "(" + (" OR ".join(f"({each})" for each in alternatives) or "FALSE") + ")"
