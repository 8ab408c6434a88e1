"""Puts a rules file in force: a revision of the rules, Collections and queryables in pgstac."""

from dataclasses import dataclass
from pathlib import Path

from eventstac.catalog import pgstac_items
from eventstac.catalog.collection_documents import apply_collection, apply_queryables
from eventstac.catalog.database import DatabaseSettings, connect, database_failures
from eventstac.catalog.rules_store import apply_rules
from eventstac.errors import EventstacError
from eventstac.raster.extract import EXTRACTOR_REVISION
from eventstac.rules import load_rules


class FileUnreadable(EventstacError):
    """A file that a command was given cannot be read."""


@dataclass(frozen=True)
class Applied:
    """What is in force after applying: the revision, and the Collections' ids."""

    revision: int
    collections: tuple[str, ...]


def apply_file(database: DatabaseSettings, file: Path, default_collection: str) -> Applied:
    """Apply a rules file; RulesInvalid lists its mistakes by line, and nothing is changed then."""
    text = read_text(file)
    rules = load_rules(text, file=str(file), default_collection=default_collection)
    with connect(database) as connection, database_failures():
        for collection in rules.collections:
            pgstac_items.prepare_collection(connection, collection.id, collection)
        with connection.transaction():
            for collection in rules.collections:
                apply_collection(connection, collection)
                apply_queryables(connection, collection)
        revision = apply_rules(connection, text, rules, EXTRACTOR_REVISION)
    return Applied(revision, tuple(collection.id for collection in rules.collections))


def read_text(file: Path) -> str:
    """A file's text, or FileUnreadable with a sentence."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"{file} cannot be read: {error}") from error
