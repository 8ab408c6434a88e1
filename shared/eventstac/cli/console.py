"""Where the commands print what people read."""

import sys

from rich.console import Console
from rich.table import Table

# A pipe or a file has no width: nothing of a table may be cut there.
_UNBOUNDED = 10_000


def open_console(*, stderr: bool = False) -> Console:
    """A console that cuts no table when its output goes to a pipe or a file, and wraps no sentence."""
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(soft_wrap=True, highlight=False, stderr=stderr, width=None if is_terminal else _UNBOUNDED)


def new_table(*columns: str, title: str = "") -> Table:
    """A table whose cells are folded in a narrow terminal, and never cut."""
    made = Table(title=title or None, title_justify="left")
    for name in columns:
        made.add_column(name, overflow="fold")
    return made
