"""The rules file in the storage: looked at, checked and put in force, or refused with its mistakes.

Order: the look that decides is made while nobody else may change the rules, so the last one sees the last upload,
however many events there were and however late they came.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from eventstac.blobs import BlobReader, Blobs, Look
from eventstac.catalog import applying, rejections
from eventstac.catalog.database import Connection
from eventstac.catalog.queryables import finish_changes
from eventstac.catalog.rules_store import RulesStore, lock_rules
from eventstac.errors import BlobChanged, Rejected, Transient
from eventstac.rules import RULES_INVALID, Rules, RulesInvalid, load_rules
from eventstac.rules.builders import check_builders

LARGEST_BYTES = 1024 * 1024  # a row of the database holds it, and every process parses it

_ATTEMPTS = 5  # uploads that follow each other faster than each is checked


@dataclass(frozen=True)
class RulesFile:
    """The rules file as it was last looked at: `revision` is what it is in force as, None where it has `mistakes`."""

    url: str
    etag: str
    seen: datetime
    revision: int | None
    mistakes: str = ""


@dataclass(frozen=True)
class Taken:
    """What taking it in did: "absent" (no such blob), "same" (known already), "applied" or "refused"."""

    outcome: Literal["absent", "same", "applied", "refused"]
    file: RulesFile | None


def known_file(connection: Connection, url: str | None = None) -> RulesFile | None:
    """The rules file as it was last looked at (without a URL: the one looked at last), None where it never was."""
    row = connection.execute(
        """
        SELECT url, etag, seen, revision, mistakes FROM eventstac.rules_file
        WHERE %(url)s::text IS NULL OR url = %(url)s ORDER BY seen DESC LIMIT 1
        """,
        {"url": url},
    ).fetchone()
    return RulesFile(*row) if row else None


def take_in(
    connection: Connection,
    blobs: Blobs,
    url: str,
    default_collection: str,
    *,
    app: str,
    again: bool = False,
) -> Taken:
    """Look at the rules file, and put it in force if it is valid; the rules in force stay where it is not.

    `again` applies a file that is known already too. What was given up about files with mistakes is settled by one that
    is valid. Then finishes, as `app`, what changed queryables left to do, now or before.
    Transient where storage or database do not answer, or where the file keeps changing.
    """
    taken = _take_in(connection, blobs, url, default_collection, again=again)
    # Also of a file that is known: that its forerunner was given up may be kept only after it was taken.
    if taken.outcome != "absent" and taken.file and not taken.file.mistakes:
        rejections.settle(connection, url, RULES_INVALID)
    finish_changes(connection, RulesStore(default_collection), app, datetime.now(UTC))
    return taken


def _take_in(
    connection: Connection, blobs: Blobs, url: str, default_collection: str, *, again: bool
) -> Taken:
    for _ in range(_ATTEMPTS):
        look, reader = blobs.look(url)
        known = known_file(connection, url)
        if look.state == "gone":
            return Taken("absent", known)
        if known and known.etag == look.etag and not again:
            return Taken("same", known)
        try:
            text, rules, mistakes = _checked(look, reader, default_collection)
        except BlobChanged:
            continue
        if rules:
            try:
                applying.prepare(connection, rules)
            except Rejected as rejection:
                rules, mistakes = None, rejection.detail
        taken = _take(connection, blobs, look, text, rules, mistakes)
        if taken:
            return taken
    raise Transient(f"{url} changed under each of {_ATTEMPTS} looks: it is still being written")


def _take(
    connection: Connection, blobs: Blobs, read: Look, text: str, rules: Rules | None, mistakes: str
) -> Taken | None:
    """Apply one content; None where the blob has another by the time that nobody else may change the rules."""
    with connection.transaction():
        lock_rules(connection)
        look, _ = blobs.look(read.url)
        if look.etag != read.etag:
            return None
        revision = None
        if rules:
            try:
                with connection.transaction():
                    revision = applying.apply(connection, text, rules, f"{read.url} ({read.etag})")
            except Rejected as rejection:
                mistakes = rejection.detail
        file = RulesFile(read.url, read.etag, look.seen, revision, mistakes)
        _note(connection, file)
        return Taken("refused" if revision is None else "applied", file)


def _checked(look: Look, reader: BlobReader | None, default_collection: str) -> tuple[str, Rules | None, str]:
    """The text, its rules where it has no mistake, and its mistakes."""
    name = look.url.rpartition("/")[2]
    if reader is None:
        return "", None, f"{name} is in the archive tier. Rehydrate it, or upload it again"
    if look.size > LARGEST_BYTES:
        return (
            "",
            None,
            f"{name} has {look.size} bytes: at most {LARGEST_BYTES} are taken. Leave out what is not used",
        )
    try:
        text = b"".join(reader.stream()).decode("utf-8-sig")
        rules = load_rules(text, file=name, default_collection=default_collection)
        check_builders(rules)
    except UnicodeDecodeError as error:
        return "", None, f"{name} is no UTF-8 text: {error}. Save it as UTF-8"
    except RulesInvalid as invalid:
        return "", None, invalid.detail
    if "\x00" in text:
        return "", None, f"{name} has a NUL character. Take it out"
    return text, rules, ""


def _note(connection: Connection, file: RulesFile) -> None:
    connection.execute(
        """
        INSERT INTO eventstac.rules_file (url, etag, seen, revision, mistakes) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (url) DO UPDATE SET (etag, seen, revision, mistakes) =
            (excluded.etag, excluded.seen, excluded.revision, excluded.mistakes)
        """,
        [file.url, file.etag, file.seen, file.revision, file.mistakes],
    )
