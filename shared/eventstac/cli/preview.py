"""`eventstac preview`: the Item that a file or URL would give; writes nothing."""

import json
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

import typer

from eventstac.blob_urls import BlobName, canonical_url
from eventstac.blobs import BlobReader
from eventstac.cli.band_notes import odd_bands
from eventstac.cli.console import open_console, show_document
from eventstac.cli.files import read_text
from eventstac.cli.rules import DefaultCollection, environment_account
from eventstac.compose import Composition, compose
from eventstac.compose.dates import SOURCE_FIELD
from eventstac.errors import BlobChanged, Rejected, Transient
from eventstac.facts import Finding, Match, fact_of
from eventstac.looking import storage_of
from eventstac.raster.revision import EXTRACTOR_REVISION
from eventstac.raster.source import file_reader, url_parts, url_reader
from eventstac.reading import read_content
from eventstac.rules import CollectionRules, Rules, load_rules
from eventstac.url_secrets import told_url

Problem = dict[str, Any]

# Accounts of a file that is in none. Where the two give Items of other ids, the id depends on the account.
_NO_ACCOUNT, _ANOTHER = "https://preview.blob.core.windows.net", "https://another.blob.core.windows.net"
_ID_DEPENDS = (
    "the last eight digits of the Item's id depend on the storage account: set BlobStorage "
    "(on a laptop: `. .local/env`), or name the blob's own URL"
)


def preview(
    file_or_url: Annotated[
        str, typer.Argument(metavar="FILE|URL", help="A raster: a local file, or an http(s) URL.")
    ],
    rules_file: Annotated[
        Path | None,
        typer.Option("--rules", help="The rules file; left out: collections.yaml, if there is one."),
    ] = None,
    container: Annotated[
        str, typer.Option(help="The container that a local file is thought to be in.")
    ] = "source",
    blob: Annotated[
        str | None, typer.Option(help="The path that a local file is thought to have there.")
    ] = None,
    default_collection: DefaultCollection = "bronze-tier",
    as_json: Annotated[
        bool, typer.Option("--json", help='Print {"item": …, "problems": […], "notes": […]}.')
    ] = False,
) -> None:
    """Show the Item that a raster would give, and what is wrong with it. Exit code 1 where there is a problem.

    The account that a local file is thought to be in is that of BlobStorage, where it is set.
    """
    rules = _rules(rules_file, default_collection)
    seen = preview_item(file_or_url, rules, container, blob, environment_account())
    if as_json:
        typer.echo(json.dumps(asdict(seen), ensure_ascii=False, allow_nan=False))
    else:
        console = open_console()
        if seen.item is not None:
            show_document(seen.item)
        name = told_url(file_or_url) if "://" in file_or_url else file_or_url
        for problem in seen.problems:
            console.print(f"{problem['path'] or name}: {problem['message']}", style="red")
        for note in seen.notes:
            console.print(f"{name}: note: {note['message']}", style="yellow")
    raise typer.Exit(1 if seen.problems else 0)


@dataclass(frozen=True)
class Preview:
    """The Item that a file would give (None where there is none), what is wrong with it, and what may not be meant."""

    item: dict[str, Any] | None
    problems: list[Problem]
    notes: list[Problem] = field(default_factory=list)


def preview_item(
    file_or_url: str,
    rules: Rules,
    container: str = "source",
    blob: str | None = None,
    account: str | None = None,
) -> Preview:
    """What a file or URL would give by the rules."""
    is_url = "://" in file_or_url
    try:
        # a SAS opens the file, and is no part of the blob's address
        public = _public_url(file_or_url) if is_url else None
        thought_url = _thought_url(file_or_url, account or _NO_ACCOUNT, container, blob)
        # That there is none is said before what the rules say.
        file = None if is_url else file_reader(file_or_url)
        match = _match(rules, thought_url)
        reader = file or url_reader(file_or_url)
        url = public or reader.look.url
        seen = _composed(url, reader, match, rules.collection(match.collection))
        elsewhere = thought_url if account else _thought_url(file_or_url, _ANOTHER, container, blob)
        depends = seen.item is not None and _match(rules, elsewhere).item != match.item
        return replace(seen, notes=[*seen.notes, _problem(_ID_DEPENDS)]) if depends else seen
    except Rejected as rejection:
        return Preview(None, [_problem(f"{rejection.reason}: {rejection.detail}")])
    except (Transient, BlobChanged) as failure:
        return Preview(None, [_problem(f"it could not be read just now: {failure}")])


def _public_url(url: str) -> str:
    parts = url_parts(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _composed(url: str, reader: BlobReader, match: Match, rules: CollectionRules | None) -> Preview:
    if match.read != "raster":
        raise Rejected("not-previewed", f"a rule reads {url} as a {match.read}: it gives no Item by itself")
    content = read_content(reader, match, True)  # as the extractor: the thumbnail may have a problem
    finding = Finding(
        match=match,
        revision=EXTRACTOR_REVISION,
        state="present",
        seen=reader.look.seen,
        etag=reader.look.etag,
        storage=storage_of(reader.look),
        metadata=content.metadata,
    )
    composition = compose([fact_of(url, finding)], _of_one_file(rules))
    problems = _problems(composition, rules, match)
    unclear = content.metadata.get("datetime_problem")
    if (
        unclear
        and composition.item
        and SOURCE_FIELD in composition.item["properties"]
        and _asks_the_file(rules, match)
    ):
        problems.append(_problem(unclear["detail"]))
    if composition.item:
        problems += [_problem(detail) for detail in finding.unheeded]
    rule = rules.rule(match.rule) if rules else None
    asset = rule.asset(match.asset) if rule and composition.item else None
    more, notes = odd_bands(content.metadata.get("bands") or (), asset, match) if asset else ([], [])
    notes += filter(None, [finding.whole_frame])
    return Preview(composition.item, [*problems, *map(_problem, more)], [*map(_problem, notes)])


def _asks_the_file(rules: CollectionRules | None, match: Match) -> bool:
    """Whether the rule takes the datetime from the file before its Last-Modified, which stands for what comes after."""
    rule = rules.rule(match.rule) if rules else None
    return rule is None or "file" in takewhile(
        lambda source: source != "last-modified", rule.datetime_sources
    )


def _problems(composition: Composition, rules: CollectionRules | None, match: Match) -> list[Problem]:
    if composition.state == "rejected":
        return [_problem(f"{composition.reason}: {composition.detail}")]
    if composition.item is None:
        return [_problem(f"by its rule {match.asset!r} is no data asset: it gives no Item by itself")]
    rule = rules.rule(match.rule) if rules else None
    missing = [key for key in rule.require if key != match.asset] if rule else []
    if missing:
        return [_problem(f"the rule requires {', '.join(missing)} too before the Item is published")]
    return []


def _thought_url(file_or_url: str, account: str, container: str, blob: str | None) -> str:
    """The blob URL whose rule decides: a blob's own, else that of a blob of this name in the container."""
    if blob is None and file_or_url.startswith(("http://", "https://")):
        try:
            return canonical_url(file_or_url)
        except Rejected:
            blob = unquote(url_parts(file_or_url).path).lstrip("/")
    return BlobName(account, container, blob or _path_of(Path(file_or_url))).url


def _of_one_file(rules: CollectionRules | None) -> CollectionRules | None:
    """The rules without what they require beside the one file."""
    if rules is None:
        return None
    return replace(rules, rules=tuple(replace(rule, require=()) for rule in rules.rules))


def _match(rules: Rules, url: str) -> Match:
    explanation = rules.explain(url)
    if explanation.match is None:
        raise Rejected("no-rule", str(explanation))
    return explanation.match


def _rules(file: Path | None, default_collection: str) -> Rules:
    named = file or Path("collections.yaml")
    text = read_text(named) if file or named.exists() else None
    return load_rules(text, file=str(named), default_collection=default_collection)


def _path_of(path: Path) -> str:
    """The path as a blob's: as it was given, without what leads out of the folder."""
    return path.name if path.is_absolute() or ".." in path.parts else path.as_posix()


def _problem(message: str) -> Problem:
    return {"path": "", "message": message}
