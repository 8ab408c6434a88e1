"""The rules file in the storage: the last upload is in force, a file with mistakes leaves what was in force."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from eventstac.blobs import BlobReader, Look
from eventstac.catalog import rejections
from eventstac.catalog.applying import try_out
from eventstac.catalog.database import Connection
from eventstac.catalog.rejections import Filter
from eventstac.catalog.rules_blob import LARGEST_BYTES, known_file, take_in
from eventstac.catalog.rules_store import RulesStore
from eventstac.errors import Rejected, Stale
from eventstac.events import EventRejected, open_envelope
from eventstac.rules import load_rules
from loader import rules_file
from tests.integration.conftest import CatalogDatabase
from tests.samples import url_of
from tests.twins.blobs import MemoryBlobs

URL = url_of("collections.yaml", "config")

BUILT_BY_NOBODY = b"""
collections:
  built:
    rules:
      - {name: built, pattern: '{item}_{asset}.tif', builder: 'no.such:thing'}
"""


def rules_text(prefix: str) -> bytes:
    return f"""
collections:
  scenes:
    description: Scenes of {prefix}
    queryables:
      eo:cloud_cover: {{type: number, sortable: true}}
    rules:
      - name: scenes
        pattern: '{prefix}/{{item}}/{{asset}}.tif'
""".encode()


@pytest.fixture(autouse=True)
def unknown(connection: Connection) -> Iterator[None]:
    """No file was looked at before."""
    yield
    connection.execute("DELETE FROM eventstac.rules_file")
    connection.execute("DELETE FROM eventstac.rejected")


def in_force(connection: Connection) -> tuple[int, str]:
    applied = RulesStore("bronze-tier").current(connection)
    scenes = applied.rules.collection("scenes")
    assert scenes
    return applied.revision, str(scenes.description)


def test_a_written_file_is_in_force_with_its_collections_and_queryables(connection: Connection) -> None:
    blobs = MemoryBlobs()
    etag = blobs.put(URL, rules_text("a"))
    taken = take_in(connection, blobs, URL, "bronze-tier", app="loader")
    assert taken.outcome == "applied"
    assert taken.file
    assert in_force(connection) == (taken.file.revision, "Scenes of a")
    assert known_file(connection) == taken.file
    row = connection.execute(
        "SELECT content->>'description' FROM pgstac.collections WHERE id = 'scenes'"
    ).fetchone()
    assert row == ("Scenes of a",)
    kinds = connection.execute(
        "SELECT property_wrapper, property_index_type FROM pgstac.queryables WHERE name = 'eo:cloud_cover'"
    ).fetchall()
    assert kinds == [("to_float", "BTREE")]
    origin = connection.execute(
        "SELECT origin FROM eventstac.rules ORDER BY revision DESC LIMIT 1"
    ).fetchone()
    assert origin == (f"{URL} ({etag})",)


def test_duplicates_and_late_events_change_nothing(connection: Connection) -> None:
    blobs = MemoryBlobs()
    blobs.put(URL, rules_text("b"))
    first = take_in(connection, blobs, URL, "bronze-tier", app="loader")
    again = take_in(connection, blobs, URL, "bronze-tier", app="loader")
    assert (first.outcome, again.outcome) == ("applied", "same")
    assert again.file == first.file
    blobs.tag(URL)  # another ETag, the same rules
    tagged = take_in(connection, blobs, URL, "bronze-tier", app="loader")
    assert tagged.file
    assert first.file
    assert (tagged.outcome, tagged.file.revision) == ("applied", first.file.revision)


def test_of_two_uploads_the_last_wins_whoever_read_the_first(connection: Connection) -> None:
    class Overwritten(MemoryBlobs):
        """Somebody uploads again right after the first look."""

        def look(self, url: str) -> tuple[Look, BlobReader | None]:
            found = super().look(url)
            if self.looks == 1:
                self.put(URL, rules_text("second"))
            return found

    blobs = Overwritten()
    blobs.put(URL, rules_text("first"))
    assert take_in(connection, blobs, URL, "bronze-tier", app="loader").outcome == "applied"
    assert in_force(connection)[1] == "Scenes of second"


def test_many_at_once_end_with_the_last_content(database: CatalogDatabase, connection: Connection) -> None:
    blobs = MemoryBlobs()
    blobs.put(URL, rules_text("0"))

    def upload_and_take(number: int) -> None:
        blobs.put(URL, rules_text(str(number)))
        with database.connect() as own:
            take_in(own, blobs, URL, "bronze-tier", app="loader")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upload_and_take, range(1, 9)))
    last = blobs.stored[URL].data
    assert rules_text(in_force(connection)[1].removeprefix("Scenes of ")) == last
    known = known_file(connection)
    assert known
    assert known.etag == blobs.etag(URL)


def refusing(*, applying: bool, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL refuses what the check let pass, where rules are prepared or where they are applied."""

    def refuse(connection: Connection, *_: Any, **__: Any) -> None:
        connection.execute("SELECT 'n/a'::float8")

    name = "applying.apply_collection" if applying else "pgstac_partitions.prepare_collection"
    monkeypatch.setattr(f"eventstac.catalog.{name}", refuse)


@pytest.mark.parametrize("applying", [True, False])
def test_a_file_that_the_catalog_does_not_take_is_refused_and_looked_at_once(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, applying: bool
) -> None:
    blobs = MemoryBlobs()
    blobs.put(URL, rules_text("taken"))
    take_in(connection, blobs, URL, "bronze-tier", app="loader")
    before = in_force(connection)
    blobs.put(URL, rules_text("not taken"))
    refusing(applying=applying, connection=connection, monkeypatch=monkeypatch)
    taken = take_in(connection, blobs, URL, "bronze-tier", app="loader")
    assert taken.outcome == "refused"
    assert taken.file
    for part in (
        "collections.yaml",
        "collection 'scenes'",
        'double precision: "n/a"',
        "apply the rules again",
    ):
        assert part in taken.file.mistakes
    assert known_file(connection) == taken.file
    assert take_in(connection, blobs, URL, "bronze-tier", app="loader").outcome == "same"
    assert in_force(connection) == before


def test_a_file_is_tried_out_without_a_trace(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    text = rules_text("tried out").replace(b"scenes:", b"tried:").decode()
    rules = load_rules(text, file="collections.yaml")
    before = RulesStore("bronze-tier").current(connection).revision
    try_out(connection, text, rules)
    assert RulesStore("bronze-tier").current(connection).revision == before
    assert not connection.execute("SELECT FROM pgstac.collections WHERE id = 'tried'").fetchall()
    refusing(applying=True, connection=connection, monkeypatch=monkeypatch)
    with pytest.raises(Rejected, match="rules-invalid"):
        try_out(connection, text, rules)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"collections:\n  scenes:\n    rules:\n      - {nmae: x}\n", "collections.yaml:4:"),
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"\xff\xfe\x00", "no UTF-8"),
        (b"#" * (LARGEST_BYTES + 1), "bytes: at most"),
        (b"collections: [", "collections.yaml:"),
        (BUILT_BY_NOBODY, "builder"),
    ],
)
def test_a_file_with_mistakes_is_refused_and_the_rules_stay(
    connection: Connection, content: bytes, says: str
) -> None:
    blobs = MemoryBlobs()
    blobs.put(URL, rules_text("good"))
    take_in(connection, blobs, URL, "bronze-tier", app="loader")
    before = in_force(connection)
    blobs.put(URL, content)
    taken = take_in(connection, blobs, URL, "bronze-tier", app="loader")
    assert taken.outcome == "refused"
    assert taken.file
    assert says in taken.file.mistakes
    assert in_force(connection) == before
    blobs.put(URL, rules_text("good again"))
    assert take_in(connection, blobs, URL, "bronze-tier", app="loader").outcome == "applied"
    assert in_force(connection)[1] == "Scenes of good again"


def test_a_good_file_settles_what_was_given_up_about_bad_ones(connection: Connection) -> None:
    blobs = MemoryBlobs()
    for identity, url in (("bad", URL), ("other", url_of("other.yaml", "config"))):
        given_up = EventRejected("config-events/loader", "rules-invalid", "line 4", url, 1, {})
        rejections.record(connection, identity, given_up)
    blobs.put(URL, b"collections: [")
    take_in(connection, blobs, URL, "bronze-tier", app="loader")
    assert open_ids(connection) == {"bad", "other"}
    blobs.put(URL, rules_text("settling"))
    take_in(connection, blobs, URL, "bronze-tier", app="loader")
    assert open_ids(connection) == {"other"}
    late = EventRejected("config-events/loader", "rules-invalid", "line 5", URL, 1, {})
    rejections.record(connection, "late", late)
    assert take_in(connection, blobs, URL, "bronze-tier", app="loader").outcome == "same"
    assert open_ids(connection) == {"other"}


def open_ids(connection: Connection) -> set[str]:
    return {one.id for one in rejections.find(connection, Filter())}


def test_a_deleted_file_leaves_the_rules_in_force(connection: Connection) -> None:
    blobs = MemoryBlobs()
    blobs.put(URL, rules_text("kept"))
    take_in(connection, blobs, URL, "bronze-tier", app="loader")
    blobs.delete(URL)
    assert take_in(connection, blobs, URL, "bronze-tier", app="loader").outcome == "absent"
    assert in_force(connection)[1] == "Scenes of kept"


def created(url: str) -> Any:
    return open_envelope(
        b'{"specversion": "1.0", "id": "%s", "source": "/test", "type": "Microsoft.Storage.BlobCreated", '
        b'"subject": "/x", "time": "2024-06-01T00:00:00Z", "data": {"api": "PutBlob", "url": "%s"}}'
        % (b"1", url.encode())
    )


def test_the_event_of_a_refused_file_is_rejected_with_its_mistakes(connection: Connection) -> None:
    blobs = MemoryBlobs()
    blobs.put(URL, b"collections: {'https://wms.example/?a=[1]&b=2': {}}")

    def taking() -> Any:
        return take_in(connection, blobs, URL, "bronze-tier", app="loader")

    for _ in range(2):  # a crash before it was told: the next delivery tells it
        with pytest.raises(Rejected, match=r"rules-invalid: collections\.yaml:1.*example/\?a=\[1\]&b=2"):
            rules_file.handle(created(URL), url=URL, take_in=taking)
    with pytest.raises(Stale):
        rules_file.handle(created(url_of("notes.txt", "config")), url=URL, take_in=taking)


def test_the_timer_finds_a_file_whose_event_was_lost_and_tells_of_it_once(connection: Connection) -> None:
    blobs = MemoryBlobs()

    def taking() -> Any:
        return take_in(connection, blobs, URL, "bronze-tier", app="loader")

    assert rules_file.look(take_in=taking) == []
    blobs.put(URL, b"collections: 3")
    (told,) = rules_file.look(take_in=taking)
    assert told.event.subject == URL
    assert rules_file.look(take_in=taking) == []
    blobs.put(URL, rules_text("mended"))
    assert rules_file.look(take_in=taking) == []
    assert in_force(connection)[1] == "Scenes of mended"


def test_only_those_who_apply_rules_may_write_them(database: CatalogDatabase) -> None:
    blobs = MemoryBlobs()
    blobs.put(URL, rules_text("forbidden"))
    for role in ("eventstac_scanner", "eventstac_extractor", "eventstac_cog_updater", "eventstac_stac_api"):
        with database.connect(role) as connection, pytest.raises(Exception, match="permission denied"):
            take_in(connection, blobs, URL, "bronze-tier", app="loader")
