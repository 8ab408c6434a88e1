"""Free text as a condition in SQL: what pgstac's finds, and what has no description, which pgstac's never does."""

from collections.abc import Sequence

# Of a row of Items, or of Collections as pgstac shows them beside Items.
_TEXT = """concat_ws(' ', content->'properties'->>'title', content->'properties'->>'description',
    content->'properties'->>'keywords')"""


def written(parameter: str) -> str:
    """The SQL that writes the condition; `parameter` stands for what `question` gives."""
    return (
        f"format($q$to_tsvector('english', {_TEXT}) @@ %L::tsquery$q$, "
        f"websearch_to_tsquery('english', {parameter}::text))"
    )


def question(words: Sequence[str]) -> str:
    """Phrases in quotes, any of which may be found, as PostgreSQL reads them (12.3.2, websearch_to_tsquery)."""
    return " or ".join(words)
