"""Commands that the documentation shows can be typed as they are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = re.compile(r"`([^`\n]+)`|^ {4,}(.*)$", re.MULTILINE)
QUOTED = re.compile(r"""\\.|'[^']*'|"((?:\\.|[^"\\])*)\"""")
EVENT = re.compile(r"![^\s=(]")


def test_no_text_in_double_quotes_has_what_an_interactive_bash_takes_for_its_history() -> None:
    pages = [
        page
        for part in ("*.md", "docs/**/*.md", "services/*/README.md", "infra/**/README.md")
        for page in ROOT.glob(part)
    ]
    found = [
        (page.name, quoted[1])
        for page in pages
        for command in COMMANDS.finditer(page.read_text())
        for quoted in QUOTED.finditer(command[1] or command[2] or "")
        if EVENT.search(quoted[1] or "")
    ]
    assert found == []
