"""The command `eventstac`: its sub-commands, and how a failure is told."""

import sys

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
from eventstac.errors import EventstacError, Rejected

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
    """Run a command; what was foreseen ends in one sentence and exit code 1."""
    try:
        app()
    except Rejected as rejection:
        _fail(f"{rejection.reason}: {rejection.detail}")
    except EventstacError as error:
        _fail(str(error))


def _fail(sentence: str) -> None:
    open_console(stderr=True).print(f"eventstac: {sentence}", markup=False, style="red")
    sys.exit(1)
