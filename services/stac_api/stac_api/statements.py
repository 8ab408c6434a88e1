"""A little help to write SQL: text and its parameters, kept together."""


class Statement:
    """Collects conditions and the values they refer to; every value is a parameter, never text."""

    def __init__(self, begun: "Statement | None" = None) -> None:
        """Goes on with what another asks for, which stays as it is."""
        self.args: list[object] = [*begun.args] if begun else []
        self.conditions: list[str] = [*begun.conditions] if begun else []

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
