"""Nobody writes who only reads, and nothing is fetched that was not declared."""

import http.server
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.e2e.conditions import until
from tests.e2e.rasters import geotiff
from tests.e2e.user import BROKEN, User

pytestmark = pytest.mark.stack


def test_the_api_s_role_can_write_no_table(user: User) -> None:
    tables = user.stack.query(
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables "
        "WHERE table_schema IN ('pgstac', 'eventstac') AND table_type = 'BASE TABLE' ORDER BY 1"
    )
    names = [name for (name,) in tables]
    assert {"pgstac.items", "pgstac.collections", "eventstac.facts", "eventstac.outbox"} <= set(names)
    with psycopg.connect(user.stack.dsn("eventstac_stac_api"), autocommit=True) as connection:
        assert connection.execute("SELECT 1 FROM pgstac.items LIMIT 1").rowcount >= 0
        for name in names:
            for statement in (
                f"INSERT INTO {name} DEFAULT VALUES",
                f"DELETE FROM {name} WHERE false",
                f"TRUNCATE {name}",
                f"DROP TABLE {name}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
        for statement in (
            "SELECT pgstac.create_item('{}'::jsonb)",
            "SELECT pgstac.delete_item('a', 'b')",
            "CREATE TABLE pgstac.mine (a int)",
            "CREATE TABLE public.mine (a int)",
        ):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)):
                connection.execute(statement)


def test_a_blob_of_the_thumbnails_container_never_becomes_an_item(user: User) -> None:
    url = user.upload("ab/a-raster.tif", geotiff(), container="thumbnails")
    user.send("blob-events", created(url), f"{uuid.uuid4()}")
    until(lambda: rejections(user, url), "the event to be rejected")
    user.quiet()
    assert user.stack.query("SELECT 1 FROM eventstac.facts WHERE url = %s", url) == []
    found = user.client.search(max_items=1000).items()
    assert not any(
        url == asset.href and "data" in (asset.roles or []) for i in found for asset in i.assets.values()
    )


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A storage that nobody declared: its URL, and the requests that reach it."""
    requests: list[str] = []

    class Refuser(http.server.BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            requests.append(repr(self.rfile.readline()))
            self.close_connection = True

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuser) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/devstoreaccount1", requests
        server.shutdown()
        thread.join()


def test_an_event_about_a_foreign_blob_is_rejected_and_nothing_is_fetched(
    user: User, elsewhere: tuple[str, list[str]]
) -> None:
    account, requests = elsewhere
    foreign = f"{account}/source/scenes/foreign/b1.tif"
    undeclared = user.stack.blob_url("config", "scenes/foreign/b1.tif")
    for url in (foreign, undeclared):
        user.send("blob-events", created(url), f"{uuid.uuid4()}")
        ((reason, detail),) = until(partial(rejections, user, url), f"{url} to be rejected")
        assert reason == "undeclared-container"
        assert url in detail
    source = user.stack.blob_url("source", "scenes/foreign/b1.tif")
    user.cog_completed(source, foreign)
    user.cog_completed(foreign, user.stack.blob_url("cogs", "foreign.tif"))
    until(lambda: len(rejections(user, foreign)) == 3, "the COG events to be rejected")
    user.quiet()
    assert requests == []
    # Our own storage logs each request that reaches it.
    assert "/config/scenes/foreign" not in user.stack.log("azurite")


def rejections(user: User, text: str) -> list[tuple[Any, ...]]:
    return user.stack.query(
        "SELECT reason, detail FROM eventstac.rejected WHERE event::text LIKE %s", f"%{text}%"
    )


def created(url: str) -> dict[str, Any]:
    """A storage event as Event Grid would deliver it, about any URL."""
    return {
        "specversion": "1.0",
        "id": f"{BROKEN}-{uuid.uuid4()}",
        "source": "/subscriptions/0/resourceGroups/x/providers/Microsoft.Storage/storageAccounts/x",
        "type": "Microsoft.Storage.BlobCreated",
        "subject": "/blobServices/default/containers/source/blobs/x.tif",
        "time": "2024-05-06T07:08:09.0000000Z",
        "data": {"api": "PutBlob", "url": url, "contentLength": 1, "sequencer": "0" * 48},
    }
