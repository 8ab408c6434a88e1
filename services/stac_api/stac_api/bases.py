"""What pgstac keeps once for a whole collection and leaves out of its Items' rows."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from stac_api.database import TABLES_OF_ITEMS, Database, Row
from stac_api.latest import Latest

_NAMES_BASE = b'"pgstac:base_item": '
# How nearly every row ends: jsonb sorts a document's keys by length, so neither a version nor the name of a base item
# can come after these extensions, nor a version right before them, where an object ends.
_EXTENSIONS = b'}, "stac_extensions": ['
_PLAIN_END = re.compile(rb'\}, "stac_extensions": \[[^\[\]{}]*\]\}\Z')
# What is searched of a document for its end; a longer list of extensions takes the long way.
_END_BYTES = 1_000
STAC_VERSION = "1.1.0"  # of the landing page, and of pgstac's own making, where a collection says none
_KEPT_ENDS = 8  # more take longer to compare than one look
_FRESH_S = 5.0  # after which a collection that was made anew with other parts is noticed


class Tails:
    """Tells by a document's end that it has no version and names no base item.

    The Items of a collection end alike, so the ends that were looked at are kept: comparing costs a tenth of looking.
    """

    def __init__(self) -> None:
        self._plain: tuple[bytes, ...] = ()  # the last few ends

    def are_plain(self, content: bytes) -> bool:
        """Whether the end tells it; where it does not, one has to search the whole."""
        return content.endswith(self._plain) or self._is_new(content)

    def _is_new(self, content: bytes) -> bool:
        start = content.rfind(_EXTENSIONS, -_END_BYTES)
        if start <= 0 or _PLAIN_END.match(content, start) is None:
            return False
        self._plain = (content[start:], *self._plain[: _KEPT_ENDS - 1])
        return True


# A row for each base item that a collection had, the first one first: that is what rows which name none lack. Of assets
# that are there and empty pgstac leaves an Item's empty ones out.
_READ = f"""
    SELECT c.id, b.id AS number, coalesce(b.base_item, c.base_item)->>'stac_version' AS stac_version,
      coalesce(jsonb_typeof(coalesce(b.base_item, c.base_item)->'assets'), 'null') = 'null' AS is_plain,
      size.tables, size.items
    FROM collections c LEFT JOIN base_items b ON b.collection = c.id,
      (SELECT count(*) AS tables, sum(greatest(reltuples, 0))::bigint AS items FROM {TABLES_OF_ITEMS}) size
    ORDER BY c.id, b.id
"""


@dataclass(frozen=True)
class _Base:
    stac_version: str
    version_member: bytes  # the same as JSON text, with a comma before it and after


def _base(stac_version: str) -> _Base:
    return _Base(stac_version, b',"stac_version":%b,' % orjson.dumps(stac_version))


_UNKNOWN = _base(STAC_VERSION)


class Bases:
    """Knows, for each collection, how its Items' rows become whole Items.

    A collection whose base item holds no assets and was never edited has rows that lack their `stac_version` only. That
    stays true until the collection is edited in these parts, or deleted and made anew. Of one that was edited, that is
    true of rows that belong to a base item without assets, and of the same version as its first.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Base] = {}
        self._fresh_until = 0.0
        self._edited = ""
        self.tables = 0  # that Items lie in
        self.items = 0  # of all collections, as the database's statistics have it
        self._tails = Tails()
        self._loads = Latest(self._load)

    async def edited(self) -> str:
        """The collections of which some rows name their base item or lack parts that only pgstac can put back, as a
        JSON object: the numbers of the base items whose rows lack nothing but the version ("": where none is named).
        Empty where there is no such collection.
        """
        if time.monotonic() > self._fresh_until:
            await self._loads.get()
        return self._edited

    async def changed(self, rows: Sequence[Row], edited: str) -> bool:
        """Whether rows that were read with these collections completed have to be read again.

        A collection that was not known until now may need it, and one that was edited: its new Items name the base
        item that they belong to. Text that merely looks like such a name costs a second look, no more.
        """
        known, plain = self._known, self._tails.are_plain
        for _, collection, _, content, *_ in rows:
            if collection not in known or (not plain(content) and _NAMES_BASE in content):
                break
        else:
            return False
        await self._loads.get()
        return self._edited != edited

    def stac_version(self, collection: str) -> str:
        """The `stac_version` that was left out of an Item's row; the collection may be gone since it was read."""
        return self._known.get(collection, _UNKNOWN).stac_version

    def version_member(self, collection: str) -> bytes:
        """The same as a member of a JSON object, with a comma before it and after."""
        return self._known.get(collection, _UNKNOWN).version_member

    async def _load(self) -> None:
        rows = await self._database.rows(_READ)
        known: dict[str, _Base] = {}
        complete: dict[str, list[str]] = {}
        for row in rows:
            name, number, version = row["id"], row["number"], row["stac_version"] or STAC_VERSION
            is_first = name not in known
            if is_first:
                known[name] = _base(version)
            if number is None and row["is_plain"]:  # never edited
                continue
            whole = complete.setdefault(name, [])
            if row["is_plain"] and version == known[name].stac_version:
                whole += ["", str(number)] if is_first else [str(number)]
        self._known = known
        self._edited = orjson.dumps(complete).decode() if complete else ""
        self.tables, self.items = (rows[0]["tables"], rows[0]["items"] or 0) if rows else (0, 0)
        self._fresh_until = time.monotonic() + _FRESH_S
