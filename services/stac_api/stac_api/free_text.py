"""Free text, the parameter `q`, as a condition in SQL: it finds what pgstac does, and what has no description, too."""

import re
from collections.abc import Sequence

from stac_api.errors import BadRequest

_MOST_PHRASES = 500
_MOST_CHARACTERS = 10_000  # of all: PostgreSQL reads 400,000 words for half a minute
# To cut up what has no blanks takes it the square of its length: at 10,000 characters three seconds.
_LONGEST_WORD = 1_000
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
# Of a row of Items, or of Collections as pgstac shows them beside Items.
_TEXT = """concat_ws(' ', content->'properties'->>'title', content->'properties'->>'description',
    content->'properties'->>'keywords')"""


def phrases(value: object) -> tuple[str, ...]:
    """Read the `q` parameter: phrases, each in quotes. Raises BadRequest for none and for too much."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise BadRequest("q", "expected a list of texts")
    if len(words) > _MOST_PHRASES or sum(map(len, words)) > _MOST_CHARACTERS:
        raise BadRequest("q", f"more than {_MOST_PHRASES} phrases or {_MOST_CHARACTERS} characters")
    if any(len(part) > _LONGEST_WORD for word in words for part in word.split()):
        raise BadRequest("q", f"a word of more than {_LONGEST_WORD} characters")
    # As they are, so that PostgreSQL cuts them up as it did the texts; within quotes it knows no operators.
    plain = (word.replace('"', " ") for word in words)
    found = tuple(f'"{phrase}"' for phrase in plain if _LETTER_OR_DIGIT.search(phrase))
    if words and not found:  # without any, everything would be found
        raise BadRequest("q", "no letter and no digit to search for")
    return found


def written(parameter: str) -> str:
    """The SQL that writes the condition; `parameter` stands for what `question` gives."""
    return (
        f"format($q$to_tsvector('english', {_TEXT}) @@ %L::tsquery$q$, "
        f"websearch_to_tsquery('english', {parameter}::text))"
    )


def question(words: Sequence[str]) -> str:
    """Phrases in quotes, any of which may be found, as PostgreSQL reads them (12.3.2, websearch_to_tsquery)."""
    return " or ".join(words)
