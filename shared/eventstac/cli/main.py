"""The command `eventstac`: its sub-commands, and how a failure is told."""

import errno
import logging
import os
import sys
from contextlib import suppress
from typing import NoReturn

import typer

from eventstac.cli import (
    blobs,
    collections,
    preview,
    rebuild,
    reconcile,
    rejected,
    rules,
    scan,
    setup,
    smoke,
    status,
    trace,
    where,
)
from eventstac.cli.console import open_console
from eventstac.errors import EventstacError, Rejected, Transient
from eventstac.settings import SettingsMissing

_IS_UP = "If the stack of this machine is down, `make up` starts it"

# What the system says of an output, such as a file on a full disk, and of nothing else without a file's name.
_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Look after an eventstac catalog: set it up, try rules, and ask where a file is and why.",
)
app.command("setup")(setup.setup)
app.add_typer(collections.app, name="collections")
app.add_typer(rules.app, name="rules")
app.command("preview")(preview.preview)
app.command("where")(where.where)
app.command("smoke")(smoke.smoke)
app.command("trace")(trace.trace)
app.command("blobs")(blobs.blobs)
app.command("scan")(scan.scan)
app.command("reconcile")(reconcile.reconcile)
app.command("rebuild")(rebuild.rebuild)
app.add_typer(rejected.app, name="rejected")
app.command("status")(status.status)


def main() -> None:
    """Run a command; what was foreseen ends in one sentence and exit code 1, what cannot be an argument in 2."""
    for argument in sys.argv[1:]:
        _check_text(argument)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # its warnings are told once more, in a sentence
    try:
        app()
    except Rejected as rejection:
        _fail(f"{rejection.reason}: {rejection.detail}")
    except SettingsMissing as error:
        _fail(f"{error}. On a laptop: `make up`, then `. .local/env`")
    except Transient as error:
        is_local = os.environ.get("POSTGRES_HOST") == "127.0.0.1"
        _fail(f"{str(error).rstrip('.?')}. {_IS_UP}" if is_local else str(error))
    except EventstacError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in _NOT_WRITTEN or error.filename is not None:
            raise
        # What is left of it is let go: Python would try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _fail(f"the output cannot be written: {error.strerror}")


def _check_text(argument: str) -> None:
    """Nothing could be done with half a character: names of blobs, URLs and what the database keeps are UTF-8.

    A local file could have such a name. It is refused as well: what an argument means, only its command knows.
    """
    try:
        argument.encode()
    except UnicodeEncodeError:
        as_given = os.fsencode(argument)
    else:
        return
    try:
        text = as_given.decode()
    except UnicodeDecodeError:
        _fail(
            f"{as_given!r} is no text of UTF-8, as whatever a command is given must be: write a blob's name as the "
            "storage has it, and rename a local file or folder",
            code=2,
        )
    _fail(f"{text!r} is no text of this locale ({sys.getfilesystemencoding()}): set LC_ALL=C.UTF-8", code=2)


def _fail(sentence: str, code: int = 1) -> NoReturn:
    with suppress(OSError):  # nobody is there to be told
        open_console(stderr=True).print(f"eventstac: {sentence}", style="red")
    sys.exit(code)
