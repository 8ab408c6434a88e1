"""`eventstac rejected`: what was given up, and what becomes of it."""

import json
import os
from typing import Annotated, Any

import typer

from eventstac.catalog import rejections
from eventstac.catalog.database import Connection
from eventstac.catalog.rejections import Filter, Rejection
from eventstac.cli.console import new_table, open_console, say
from eventstac.cli.ports import MOST, Ports, now, print_json, run_id
from eventstac.errors import Rejected
from eventstac.replaying import replay as message_for
from eventstac.replaying import told

app = typer.Typer(
    no_args_is_help=True, help="Events and messages that were given up: list, show, replay, discard."
)

State = Annotated[str, typer.Option(help="open, replayed, discarded or all.")]
Reason = Annotated[str | None, typer.Option(help="Only of this reason, such as malformed-event or gave-up.")]
Stage = Annotated[str | None, typer.Option(help="Only of this stage, such as blobs-matched/extractor.")]
Url = Annotated[str | None, typer.Option(help="Only about blobs whose URL begins with this.")]
Collection = Annotated[str | None, typer.Option(help="Only about this collection.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids, or how they begin.")]
All = Annotated[bool, typer.Option("--all", help="All open ones that the filters choose.")]

_STATES = ("open", "replayed", "discarded", "all")


@app.command("list")
def list_(
    state: State = "open",
    reason: Reason = None,
    stage: Stage = None,
    url: Url = None,
    collection: Collection = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many, newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what was given up, newest first."""
    if state not in _STATES:
        raise typer.BadParameter(f"--state is one of {', '.join(_STATES)}, not {state!r}")
    chosen = Filter(None if state == "all" else state, reason, stage, url, collection)
    with Ports.read("rejected", os.environ, storage=False, bus=False).connection() as connection:
        found = _found(connection, chosen, limit)
    if as_json:
        print_json([_to_json(one) for one in found])
        return
    table = new_table("id", "when", "stage", "reason", "blob", "state")
    for one in found:
        when = f"{one.rejected_at:%Y-%m-%d %H:%M}"
        table.add_row(one.id[:12], when, one.stage, one.reason, one.url or "", one.state)
    open_console().print(
        table if found else "no event was given up that is so; which blobs are not shown: eventstac blobs"
    )


@app.command()
def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The id, or how it begins.")],
    as_json: AsJson = False,
) -> None:
    """Show one in full: why, and the original event."""
    with Ports.read("rejected", os.environ, storage=False, bus=False).connection() as connection:
        [one] = [_only(rejections.by_id(connection, identity), identity)]
    if as_json:
        print_json(_to_json(one))
        return
    console = open_console()
    for name, value in _to_json(one).items():
        if name != "event":
            console.print(f"{name}: {value}")
    console.print(json.dumps(one.event, indent=2, ensure_ascii=False))


@app.command()
def replay(
    ids: Ids = None,
    everything: All = False,
    reason: Reason = None,
    stage: Stage = None,
    url: Url = None,
    collection: Collection = None,
    as_json: AsJson = False,
) -> None:
    """Send blobs back to the first stage, which looks at them anew; no old result is ever replayed.

    A finished COG is announced again. Exit code 1 where one of them names nothing that could be looked at.
    """
    choice = _choice(ids, everything, reason, stage, url, collection)
    ports = Ports.read("rejected replay", os.environ, storage=False)
    run, done, refused = run_id("replay"), [], []
    with ports.connection() as connection, ports.consumer() as consumer:
        for one in _chosen(connection, ids, choice):
            try:
                message = message_for(one, run, now())
                with told(consumer.telemetry, message, one):
                    consumer.bus.send([message])
            except Rejected as rejection:
                refused.append(rejection.detail)
                continue
            # After sending: a crash in between replays it twice, which is one look more.
            rejections.resolve(connection, [one.id], "replayed")
            done.append(one.id)
    _tell("replayed", done, refused, as_json)


@app.command()
def discard(
    ids: Ids = None,
    everything: All = False,
    reason: Reason = None,
    stage: Stage = None,
    url: Url = None,
    collection: Collection = None,
    as_json: AsJson = False,
) -> None:
    """Settle what needs nothing more. It stays listed as discarded until it is pruned."""
    choice = _choice(ids, everything, reason, stage, url, collection)
    ports = Ports.read("rejected discard", os.environ, storage=False, bus=False)
    with ports.connection() as connection:
        chosen = _chosen(connection, ids, choice)
        rejections.resolve(connection, [one.id for one in chosen], "discarded")
    _tell("discarded", [one.id for one in chosen], [], as_json)


def _choice(
    ids: list[str] | None,
    everything: bool,
    reason: str | None,
    stage: str | None,
    url: str | None,
    of: str | None,
) -> Filter:
    """The filter of a command line; nothing is chosen by leaving everything out."""
    filtered = any((reason, stage, url, of))
    if ids and (everything or filtered):
        raise typer.BadParameter("Give ids, or filters, or --all: not ids with the others.")
    if not ids and not everything and not filtered:
        raise typer.BadParameter("Give ids, filters such as --reason, or --all.")
    return Filter("open", reason, stage, url, of)


def _chosen(connection: Connection, ids: list[str] | None, chosen: Filter) -> list[Rejection]:
    """The open rejections that a command line means."""
    if not ids:
        return _found(connection, chosen)
    found = [_only(rejections.by_id(connection, identity), identity) for identity in ids]
    return [one for one in found if one.state == "open"]


def _found(connection: Connection, chosen: Filter, limit: int | None = None) -> list[Rejection]:
    """What a filter chooses; of one that chooses nothing, what may be mistyped is told."""
    found = rejections.find(connection, chosen, limit)
    for sentence in [] if found else rejections.unknown_words(connection, chosen):
        say(sentence, err=True)
    return found


def _only(found: list[Rejection], identity: str) -> Rejection:
    if len(found) != 1:
        what = (
            "several rejections begin with it: give more of the id" if found else "there is no such rejection"
        )
        raise Rejected("unknown-id", f"{identity!r}: {what}")
    return found[0]


def _tell(what: str, done: list[str], refused: list[str], as_json: bool) -> None:
    if as_json:
        print_json({what: done, "refused": refused})
    else:
        say(f"{len(done)} {what}")
        for detail in refused:
            say(f"not {what}: {detail}", err=True)
    if refused:
        raise typer.Exit(1)


def _to_json(one: Rejection) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": one.state,
        "stage": one.stage,
        "reason": one.reason,
        "detail": one.detail,
        "url": one.url,
        "attempts": one.attempts,
        "rejected_at": one.rejected_at.isoformat(),
        "resolved_at": one.resolved_at.isoformat() if one.resolved_at else None,
        "event": one.event,
    }
