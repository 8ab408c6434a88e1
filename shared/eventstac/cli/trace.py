"""`eventstac trace`: the story of a blob through all apps, as a timeline."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from eventstac.cli.console import counted, new_table, open_console
from eventstac.cli.ports import print_json
from eventstac.settings import Environment
from eventstac.telemetry.opening import FOLDER, is_on_azure
from eventstac.telemetry.story import NoStory, Story, Told, stories

# What a row says of a span, in this order; the rest is in --json.
_SAID = ("reason", "detail", "extraction_bytes", "freshness_s", "batch", "delay_s")


def trace(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="ID|BLOB", help="A trace's id, a traceparent, or a blob: its URL, or CONTAINER/PATH."
        ),
    ],
    every: Annotated[bool, typer.Option("--all", help="All traces of a blob, not only the last.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what every app did about a blob, from its event to the Item's announcement, as one timeline.

    The apps of a laptop tell it to files in the folder that TELEMETRY_FOLDER names. On Azure it is in Application
    Insights: docs/operate.md has the query.
    """
    env = Environment(os.environ)
    if is_on_azure(os.environ):
        raise NoStory("traces are in Application Insights here: docs/operate.md has the query for one")
    folder = env.text(FOLDER)
    env.check("eventstac trace")
    found = stories(Path(folder), wanted)
    shown = found if every else found[-1:]
    if as_json:
        print_json({"traces": [_story_json(story) for story in shown], "others": len(found) - len(shown)})
        return
    console = open_console()
    for story in shown:
        _show(story)
    if len(found) > len(shown):
        console.print(f"{counted(len(found) - len(shown), 'earlier trace')} of it: see --all")


def _show(story: Story) -> None:
    console = open_console()
    title = f"trace {story.trace}: {story.seconds:.3f} s from {story.began:%Y-%m-%d %H:%M:%S.%f}Z"
    table = new_table("after", "took", "app", "what", "outcome", "about", title=title)
    for one in story.spans:
        style = "red" if one.error else None
        table.add_row(
            f"{(one.start - story.began).total_seconds():.3f} s",
            f"{one.seconds:.3f} s",
            one.app,
            f"{'  ' * one.depth}{one.name}",
            str(one.attributes.get("outcome", "failed" if one.error else "done")),
            _about(one),
            style=style,
        )
    console.print(table)
    for blob in story.blobs:
        console.print(blob)
    if story.missing:
        console.print(
            f"what caused {len(story.missing)} of its spans told nothing: a program outside, an app that "
            "was killed just then, or a file that was turned over",
            style="yellow",
        )
    shared = {
        (batch.app, tuple(sorted({trace for trace, _ in batch.links} - {story.trace}))): None
        for batch in story.linked
    }
    for app, others in shared:
        if others:
            traces = "another trace" if len(others) == 1 else f"{len(others)} other traces"
            console.print(f"{app} handled it as one with {traces}: {', '.join(others[:5])}")


def _about(one: Told) -> str:
    attributes = one.attributes
    parts = []
    if "item" in attributes:
        parts.append(f"{attributes.get('collection', '?')}/{attributes['item']}")
    elif "subject" in attributes:
        parts.append(str(attributes["subject"]))
    if attributes.get("attempt", 1) != 1:
        parts.append(f"attempt {attributes['attempt']}")
    parts += [f"{name}={attributes[name]}" for name in _SAID if name in attributes]
    if one.error and "reason" not in attributes:
        parts.append(one.error)
    return ", ".join(parts)


def _story_json(story: Story) -> dict[str, Any]:
    return {
        "trace": story.trace,
        "began": story.began.isoformat(),
        "seconds": story.seconds,
        "blobs": story.blobs,
        "missing_parents": sorted(story.missing),
        "spans": [{**vars(one), "start": one.start.isoformat()} for one in story.spans],
        "linked": [{**vars(one), "start": one.start.isoformat()} for one in story.linked],
    }
