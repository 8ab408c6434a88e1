"""What is wrong with a document, one finding at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LONGEST_MESSAGE = 300  # characters: a message may quote a whole geometry


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: `path` in the document (`assets/red/href`, "" for all of it), a sentence, and the
    name of the schema or check that says so."""

    path: str
    message: str
    schema: str


def path_of(parts: Iterable[str | int]) -> str:
    """The place of a value in a document, for people."""
    return "/".join(str(part) for part in parts)


def short(message: str) -> str:
    """A message that fits on a few lines: it begins with the value and ends with what is wrong with it."""
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[:100]} … {message[103 - _LONGEST_MESSAGE :]}"


def ordered(problems: Sequence[Problem]) -> list[Problem]:
    """The problems, each once, in one order for one document."""
    return sorted(set(problems))
