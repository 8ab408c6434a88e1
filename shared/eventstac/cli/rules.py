"""`eventstac rules`: finds mistakes in a rules file, and shows what it makes of blobs."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from eventstac.blob_urls import BlobName, parse
from eventstac.blobs import listing
from eventstac.cli.console import counted, new_table, open_console, say
from eventstac.cli.files import FileUnreadable, read_text
from eventstac.cli.places import container_and_prefix
from eventstac.compose.dates import moment_of
from eventstac.errors import EventstacError
from eventstac.facts import Match
from eventstac.rules import Explanation, Rule, Rules, RulesInvalid, load_rules
from eventstac.rules.builders import check_builders
from eventstac.rules.default_collection import IDS, SETTING, is_id
from eventstac.rules.load import is_built_in
from eventstac.rules.mistakes import warning_text
from eventstac.settings import Environment
from eventstac.times import to_text

app = typer.Typer(no_args_is_help=True, help="Check collections.yaml, and see what it makes of blobs.")

PAGE = 5000  # what one listing request gives at most

_NOWHERE = "https://account.blob.core.windows.net"  # the account of a path where the environment has none

RulesFile = Annotated[Path, typer.Option("--rules", help="The rules file.")]


def _id(name: str) -> str:
    if not is_id(name):
        raise typer.BadParameter(f"{name!r} is not {IDS}")
    return name


DefaultCollection = Annotated[
    str, typer.Option(envvar=SETTING, help="Where rasters go that no rule matches.", callback=_id)
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The rules file.")] = Path("collections.yaml"),
    default_collection: DefaultCollection = "bronze-tier",
    as_json: AsJson = False,
) -> None:
    """List every mistake of a rules file as FILE:LINE: WHAT. WHAT TO WRITE INSTEAD. Exit code 1 if there is one.

    What may be a mistake and could not be decided is a warning, which changes no exit code.
    """
    try:
        rules = load_rules(_read(file), file=str(file), default_collection=default_collection)
        check_builders(rules)
    except RulesInvalid as error:
        rules, mistakes = None, error.mistakes
    else:
        mistakes = []
    warnings = rules.warnings if rules is not None else ()
    if as_json:
        told = {"mistakes": [vars(each) for each in mistakes], "warnings": [vars(each) for each in warnings]}
        typer.echo(json.dumps({"valid": not mistakes, **told}))
        raise typer.Exit(1 if mistakes else 0)
    for each in warnings:
        say(warning_text(each))
    if rules is not None:
        # Without what stands in no file: the default collection, and its rule for rasters that no other matches.
        named = [each for each in rules.collections if not is_built_in(each)]
        count = sum(bool(rule.name) for each in named for rule in each.rules)
        say(f"{file}: {counted(len(named), 'collection')}, {counted(count, 'rule')}, no mistakes.")
    else:
        for mistake in mistakes:
            say(str(mistake))
    raise typer.Exit(1 if mistakes else 0)


@app.command("test")
def try_rules(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Blob URLs, or paths within the container.")
    ] = None,
    rules_file: RulesFile = Path("collections.yaml"),
    container: Annotated[
        str | None,
        typer.Option(
            metavar="CONTAINER[/PREFIX]",
            help="The container of the paths; without paths, all its blobs are tried.",
        ),
    ] = None,
    prefix: Annotated[str, typer.Option(help="Only blobs whose path begins with this.")] = "",
    samples: Annotated[int, typer.Option(min=0, help="How many paths to show that no rule matches.")] = 20,
    default_collection: DefaultCollection = "bronze-tier",
    as_json: AsJson = False,
) -> None:
    """Show what blobs are by the rules: of some paths, or how many of a container match which rule."""
    rules = _load(rules_file, default_collection)
    if paths:
        account = environment_account() or _NOWHERE
        explanations = [rules.explain(_url(path, account, container or "source")) for path in paths]
        _show_paths(rules, paths, explanations, as_json)
    elif container:
        listed = container_and_prefix(container, prefix)
        try:
            _show_tally(tally_of(rules, _listing(*listed), samples), container, as_json)
        except EventstacError as error:
            raise _stopped(str(error).splitlines()[0]) from error  # the SDK adds the whole response
    else:
        raise typer.BadParameter("Give blob paths, or --container NAME for a whole container.")


def _read(file: Path) -> str:
    try:
        return read_text(file)
    except FileUnreadable as error:
        raise _stopped(str(error)) from error


def _load(file: Path, default_collection: str) -> Rules:
    try:
        return load_rules(_read(file), file=str(file), default_collection=default_collection)
    except RulesInvalid as error:
        raise _stopped("\n".join(str(mistake) for mistake in error.mistakes)) from error


def _stopped(message: str) -> typer.Exit:
    say(message, err=True)
    return typer.Exit(1)


def _url(path: str, account: str, container: str) -> str:
    if path.startswith(("http://", "https://")):
        return path
    return BlobName(account, container, path).url


def environment_account() -> str | None:
    """Whose blobs are tried, where the environment says so: an Item of one file is named by the whole URL."""
    from eventstac.cli.ports import storage_if_any  # checking a file needs no SDK

    storage = storage_if_any(os.environ)
    return storage.account_url if storage else None


def _note(container: str) -> str:
    """What the environment says of a container whose blobs no rule is asked about, so that `matched` means nothing."""
    from eventstac.cli.ports import by_our_names

    env = Environment(by_our_names(os.environ))
    if container not in env.names("COG_CONTAINERS", "") or container in env.names("SOURCE_CONTAINERS", ""):
        return ""
    return (
        f"{container} is one of COG_CONTAINERS: no rule is asked about its blobs, which are nothing to the catalog "
        "before a cog.completed says whose COGs they are"
    )


def _listing(container: str, prefix: str) -> Iterator[str]:
    """The URLs of a container's blobs, a page at a time."""
    from eventstac.cli.ports import storage_if_any

    storage = storage_if_any(os.environ)
    if storage is None:
        raise _stopped(
            "Set AZURE_STORAGE_CONNECTION_STRING (or BlobStorage, or BlobStorage__blobServiceUri) to list a container."
        )
    for listed in listing(storage, f"{storage.account_url}/{container}", prefix, PAGE):
        yield listed.url


@dataclass
class Tally:
    """How many blobs match which rule; of those that none matches, some samples.

    `samples` are what no Item is made of, `defaulted` the rasters that the default collection takes though there are
    rules, which say why they are not theirs.
    """

    blobs: int = 0
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    ignored: int = 0
    unmatched: int = 0
    samples: list[str] = field(default_factory=list)
    defaulted: list[Explanation] = field(default_factory=list)


def tally_of(rules: Rules, urls: Iterator[str], samples: int) -> Tally:
    """Count what the rules make of blobs; of any number of them, in the same memory."""
    tally = Tally(
        rules=Counter({(each.id, rule.name): 0 for each in rules.collections for rule in each.rules})
    )
    for url in urls:
        tally.blobs += 1
        explanation = rules.explain(url)
        if explanation.match is not None:
            tally.rules[explanation.match.collection, explanation.match.rule] += 1
            is_defaulted = explanation.match.rule == "" and explanation.tried
            if is_defaulted and len(tally.defaulted) < samples:
                tally.defaulted.append(explanation)
        elif explanation.outcome == "ignored":
            tally.ignored += 1
        else:
            tally.unmatched += 1
            if len(tally.samples) < samples:
                tally.samples.append(url)
    return tally


def _show_tally(tally: Tally, container: str, as_json: bool) -> None:
    note = _note(container_and_prefix(container)[0])
    counts = [{"collection": c, "rule": rule, "blobs": count} for (c, rule), count in tally.rules.items()]
    if as_json:
        fields = {"container": container, "blobs": tally.blobs, "rules": counts, "ignored": tally.ignored}
        fields |= {"unmatched": tally.unmatched, "samples": tally.samples}
        fields["note"] = note
        fields["default_samples"] = [
            {"url": each.url, "tried": [tried.to_json() for tried in each.tried]} for each in tally.defaulted
        ]
        typer.echo(json.dumps(fields, ensure_ascii=False))
        return
    table = new_table("collection", "rule", "blobs", title=f"{tally.blobs} blobs of {container}")
    for each in counts:
        table.add_row(str(each["collection"]), str(each["rule"]) or "(default)", str(each["blobs"]))
    table.add_row("", "ignored", str(tally.ignored), style="dim")
    table.add_row("", "unmatched", str(tally.unmatched), style="red" if tally.unmatched else "dim")
    open_console().print(table)
    if note:
        say(f"note: {note}")
    for url in tally.samples:
        say(f"unmatched: {url}")
    for explanation in tally.defaulted:
        reasons = str(explanation).partition("\n")[2]
        say(f"(default): {explanation.url}\n{reasons}")


def _show_paths(rules: Rules, paths: list[str], explanations: list[Explanation], as_json: bool) -> None:
    if as_json:
        fields = [_fields(rules, path, each) for path, each in zip(paths, explanations, strict=True)]
        typer.echo(json.dumps(fields, ensure_ascii=False))
        return
    for path, explanation in zip(paths, explanations, strict=True):
        say(f"{path}: {explanation.outcome}")
        for name, value in _fields(rules, path, explanation).items():
            if name not in ("path", "url", "outcome", "why", "tried") and value not in (None, {}, [], ""):
                shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                say(f"  {name}: {shown}")
        for line in str(explanation).splitlines():
            say(f"  {line}")


def _fields(rules: Rules, path: str, explanation: Explanation) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "path": path,
        "url": explanation.url,
        "outcome": explanation.outcome,
        "why": explanation.why,
        "tried": [tried.to_json() for tried in explanation.tried],
        "note": "",
    }
    match = explanation.match
    collection = rules.collection(match.collection) if match else None
    rule = collection.rule(match.rule) if match and collection else None
    if match is None or rule is None:
        return fields
    return {
        **fields,
        "note": _note(parse(explanation.url).container),
        "collection": match.collection,
        "rule": match.rule,
        "item": match.item,
        "asset": match.asset,
        "read": match.read,
        "start": to_text(match.start) if match.start else None,
        "end": to_text(match.end) if match.end else None,
        "nominal_datetime": _nominal(rule, match),
        "groups": dict(match.groups),
        "properties": rule.properties_for(match.groups),
        "links": rule.links_for(match.groups),
    }


def _nominal(rule: Rule, match: Match) -> str | None:
    """The datetime of the path's period, where the rule names one."""
    if not rule.nominal_datetime or not match.start or not match.end or match.start == match.end:
        return None
    return to_text(moment_of(match.start, match.end, rule.nominal_datetime))
