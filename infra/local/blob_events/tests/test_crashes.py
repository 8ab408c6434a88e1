"""The proxy is killed, Azurite is killed: an event for each write that was done, none for one that was not."""

import asyncio
import dataclasses
import json
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient

from infra.local.azurite.testing import running_azurite
from infra.local.blob_events.journal import Journal
from infra.local.blob_events.operations import Blob, Operation
from infra.local.blob_events.storage import State
from infra.local.blob_events.testing import BlobStorage, running_blob_storage, running_proxy
from infra.local.blob_events.tests.conftest import (
    Recorder,
    check_against_contracts,
    running_recorder,
    wait_until,
)


@pytest.fixture
def grid() -> Iterator[Recorder]:
    with running_recorder() as running:
        yield running
    check_against_contracts(running.events)


@pytest.fixture
def account(tmp_path: Path, grid: Recorder, storage: BlobStorage) -> Iterator[BlobStorage]:
    """A proxy of the test's own, to be killed, in front of the Azurite that all tests share."""
    with running_proxy(tmp_path, storage.azurite, grid.url) as proxy:
        yield BlobStorage(storage.azurite, proxy)


class Writer(threading.Thread):
    """Writes, overwrites and deletes its own blobs until told to stop; remembers what was acknowledged."""

    def __init__(self, account: BlobStorage, container: str, number: int) -> None:
        super().__init__()
        self.service = BlobServiceClient.from_connection_string(
            account.connection_string, retry_total=0, connection_timeout=5, read_timeout=10
        )
        self.container = container
        self.number = number
        self.stopped = threading.Event()
        self.etags: set[str] = set()
        self.deleted: Counter[str] = Counter()
        self.asked_to_delete: Counter[str] = Counter()

    def run(self) -> None:
        random_ = random.Random(self.number)
        with self.service:
            while not self.stopped.is_set():
                name = f"{self.number}/{random_.randrange(6)}.tif"
                client = self.service.get_blob_client(self.container, name)
                try:
                    if random_.random() < 0.3:
                        self.asked_to_delete[name] += 1
                        client.delete_blob()
                        self.deleted[name] += 1
                    else:
                        answer = client.upload_blob(random_.randbytes(1000), overwrite=True)
                        self.etags.add(answer["etag"].strip('"'))
                except AzureError:
                    self.stopped.wait(0.05)  # it is dead or there is nothing to delete


def done(writers: list[Writer]) -> int:
    """How many writes were acknowledged so far."""
    return sum(len(writer.etags) + writer.deleted.total() for writer in writers)


def told(grid: Recorder) -> tuple[set[str], Counter[str]]:
    """The ETags of BlobCreated, and how often each blob was deleted; each event counted once."""
    events = {one["id"]: one for one in list(grid.events)}.values()
    etags = {one["data"]["eTag"] for one in events if one["type"].endswith("Created")}
    deleted = Counter(
        one["subject"].partition("/blobs/")[2] for one in events if one["type"].endswith("Deleted")
    )
    return etags, deleted


def test_killing_the_proxy_loses_no_event_and_invents_none(
    account: BlobStorage, grid: Recorder, container: str
) -> None:
    writers = [Writer(account, container, number) for number in range(3)]
    for writer in writers:
        writer.start()
    random_ = random.Random(5)
    for _ in range(6):
        enough = done(writers) + random_.randrange(10, 30)
        wait_until(lambda enough=enough: done(writers) >= enough)  # type: ignore[misc]  # bound now, not later
        account.restart()
    for writer in writers:
        writer.stopped.set()
    for writer in writers:
        writer.join()
    wait_until(lambda: (found := account.stats())["pending"] == 0 and found["unsettled"] == 0, 30)

    etags, deleted = told(grid)
    acknowledged = set().union(*(writer.etags for writer in writers))
    assert acknowledged <= etags
    with BlobServiceClient.from_connection_string(account.connection_string) as service:
        live = {
            one.name: (one.etag or "").strip('"')
            for one in service.get_container_client(container).list_blobs()
        }
    assert set(live.values()) <= etags  # what is there was announced, acknowledged or not
    last: dict[str, tuple[str, str]] = {}
    for one in grid.events:
        name = one["subject"].partition("/blobs/")[2]
        last[name] = max(last.get(name, ("", "")), (one["data"]["sequencer"], one["type"]))
    assert {name for name, (_, kind) in last.items() if kind.endswith("Created")} == set(live)
    for writer in writers:
        for name, count in writer.asked_to_delete.items():
            assert writer.deleted[name] <= deleted[name] <= count


@pytest.mark.parametrize("cut", ["before Azurite had it", "after Azurite did it"])
def test_a_write_whose_answer_was_lost_is_looked_up_at_the_next_start(
    tmp_path: Path, account: BlobStorage, grid: Recorder, container: str, cut: str
) -> None:
    """The journal is put into the state that a kill at the worst moment leaves."""
    with BlobServiceClient.from_connection_string(account.connection_string) as service:
        service.get_blob_client(container, "x.tif").upload_blob(b"old")
    # Delivered and known to be: a kill in between would have it delivered again, with the same id.
    wait_until(lambda: len(grid.events) == 1 and account.stats()["pending"] == 0)
    etag = grid.events[0]["data"]["eTag"]
    account.kill()
    operation = Operation(Blob(container, "x.tif", f"/devstoreaccount1/{container}/x.tif"), "PutBlob", "lost")
    before = State(True, etag=f'"{etag}"', length=3)
    row = tuple(json.dumps(dataclasses.asdict(one)) for one in (operation, before))
    connection = sqlite3.connect(tmp_path / "blob_events" / "blob_events.sqlite")
    with connection:
        connection.execute("INSERT INTO intents (operation, before) VALUES (?, ?)", row)
    connection.close()
    if cut == "after Azurite did it":
        direct = account.connection_string.replace(f":{account.proxy.port}/", f":{account.azurite.port}/")
        with BlobServiceClient.from_connection_string(direct) as service:
            service.get_blob_client(container, "x.tif").upload_blob(b"newer", overwrite=True)
    account.restart()
    wait_until(lambda: account.stats()["unsettled"] == 0)
    wait_until(lambda: account.stats()["pending"] == 0)
    found = [(one["data"]["contentLength"], one["data"]["clientRequestId"]) for one in grid.events[1:]]
    assert found == ([(5, "lost")] if cut == "after Azurite did it" else [])


def test_events_that_were_not_delivered_survive_a_kill(
    account: BlobStorage, grid: Recorder, container: str
) -> None:
    grid.status = 503
    with BlobServiceClient.from_connection_string(account.connection_string) as service:
        for number in range(20):
            service.get_blob_client(container, f"{number}.tif").upload_blob(b"1")
    wait_until(lambda: account.stats()["pending"] == 20)
    account.kill()
    grid.status = 200
    account.restart()
    wait_until(lambda: len(grid.events) >= 20)
    assert {one["subject"].rpartition("/")[2] for one in grid.events} == {
        f"{number}.tif" for number in range(20)
    }


def test_a_dead_azurite_is_a_busy_storage_and_the_write_is_not_announced(
    tmp_path: Path, grid: Recorder
) -> None:
    with running_blob_storage(tmp_path, grid.url) as account:
        with BlobServiceClient.from_connection_string(account.connection_string) as service:
            service.create_container("source")
        port = account.azurite.port
        account.azurite.stop()
        with (
            BlobServiceClient.from_connection_string(account.connection_string, retry_total=0) as service,
            pytest.raises(AzureError, match="ServerBusy"),
        ):
            service.get_blob_client("source", "x.tif").upload_blob(b"1")
        account.azurite = running_azurite(tmp_path / "azurite", port)
        with BlobServiceClient.from_connection_string(account.connection_string) as service:
            service.get_blob_client("source", "y.tif").upload_blob(b"1")
        wait_until(lambda: account.stats()["unsettled"] == 0 and len(grid.events) == 1)
        assert grid.told("source") == [("PutBlob", "y.tif")]


async def test_a_write_that_was_given_up_while_it_was_journalled_leaves_no_entry(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    operation = Operation(Blob("source", "x.tif", "/devstoreaccount1/source/x.tif"), "PutBlob")
    writing = asyncio.create_task(journal.intend(operation, State(False)))
    await asyncio.sleep(0)  # it has begun
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await journal.unsettled()  # after this the entry is written, and its removal is queued
    await asyncio.sleep(0)
    assert await journal.unsettled() == []
    await journal.close()


async def test_an_event_with_a_header_that_is_no_text_is_one_that_event_grid_takes(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    operation = Operation(Blob("source", "x.tif", "/devstoreaccount1/source/x.tif"), "PutBlob", "\udcff")
    intent = await journal.intend(operation, State(True))
    await journal.settle(intent, {"data": {"clientRequestId": operation.client_request_id}})
    [(_, text)] = await journal.outgoing(1)
    await journal.close()
    assert json.loads(text)["data"]["clientRequestId"] == "?"


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path, account: BlobStorage, grid: Recorder) -> None:
    with pytest.raises(RuntimeError, match=f"blob storage: .*{account.proxy.port}") as refused:
        running_proxy(tmp_path / "second", account.azurite, grid.url, port=account.proxy.port)
    assert "Traceback" not in str(refused.value)
