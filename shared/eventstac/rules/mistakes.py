"""A mistake in a rules file, as a person mends it: file, line, what is wrong, what to write instead."""

from dataclasses import dataclass, replace

from eventstac.errors import Rejected

RULES_INVALID = "rules-invalid"  # the reason by which rules that are not taken are told of


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake. `line` counts from 1; `what` and `instead` are whole sentences without a full stop."""

    file: str
    line: int
    what: str
    instead: str = ""

    def __str__(self) -> str:
        """`file:line: what. instead`, as compilers and editors know it."""
        advice = f" {self.instead}." if self.instead else ""
        return f"{self.file}:{self.line}: {self.what}.{advice}"


def warning_text(mistake: Mistake) -> str:
    """What may be a mistake, as a line of its own."""
    return str(replace(mistake, what=f"warning: {mistake.what}"))


class RulesRefused(Rejected):
    """A rules file is not taken, for what is told as the file has it: who mends it looks for that text in it."""

    def __init__(self, mistakes: str) -> None:
        super().__init__(RULES_INVALID, mistakes)
        self.detail = mistakes  # with the queries of its URLs: no sender wrote them
        self.args = (f"{self.reason}: {mistakes}",)


class RulesInvalid(RulesRefused):
    """The rules file has mistakes: all of them at once, in the order of their lines."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))
