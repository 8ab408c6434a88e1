"""Where the commands print what people read: nothing of it steers their terminal."""

import json
import sys
from typing import Any

import typer
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

# A pipe or a file has no width: nothing of a table may be cut there.
_UNBOUNDED = 10_000

# What a terminal obeys instead of showing it (C0, DEL, C1), and what turns a line's order round (Unicode's UAX 9).
# Names, events and files bring such characters along. Line feeds and tabs are our own, too.
_CONTROLS = (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))
_TURNING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPES = {code: f"\\u{code:04x}" for code in (*_CONTROLS, *_TURNING)}


def escaped(text: str) -> str:
    """A text as a terminal may have it: what would steer it is escaped, as JSON has it."""
    return text.translate(_ESCAPES)


class _PlainConsole(Console):
    """A console for which a text is only a text: no markup, no names of emoji, nothing that steers the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text of a line, or of a table's cell or title."""
        return super().render_str(escaped(text), **{**options, "markup": False, "emoji": False})


def open_console(*, stderr: bool = False) -> Console:
    """A console that cuts no table when its output goes to a pipe or a file, and wraps no sentence."""
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if is_terminal else _UNBOUNDED
    return _PlainConsole(soft_wrap=True, highlight=False, stderr=stderr, width=width)


def say(sentence: str, *, err: bool = False) -> None:
    """Print a line, or several, without colours."""
    typer.echo(escaped(sentence), err=err)


def counted(number: int, noun: str) -> str:
    """A number with what it counts: `1 page`, `2 pages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show_document(document: object) -> None:
    """Print JSON for people."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    open_console().print(JSONHighlighter()(escaped(text)))


def new_table(*columns: str, title: str = "") -> Table:
    """A table whose cells are folded in a narrow terminal, and never cut."""
    made = Table(title=title or None, title_justify="left")
    for name in columns:
        made.add_column(name, overflow="fold")
    return made
