"""What was acknowledged survives; what was completed stays away; a backlog is no burden."""

import asyncio
import gc
import json
import os
import sqlite3
import threading
import time
import urllib.request
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from infra.local.servicebus import store
from infra.local.servicebus.amqp.message import Head
from infra.local.servicebus.testing import RunningServer, running_server
from infra.local.servicebus.tests import raw
from infra.local.servicebus.tests.conftest import document, eventually, rss_mb
from infra.local.servicebus.tests.test_settlement import bodies, receive

KILLS = int(os.environ.get("SERVICEBUS_KILLS", "5"))  # a hundred take about four minutes
ERRORS = (ServiceBusError, ValueError, OSError)  # a client whose link died under it raises ValueError


class Load:
    """Sends and completes as fast as it may, and keeps count across the deaths of its broker."""

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        self.sending = threading.Event()
        self.receiving = threading.Event()
        self.sending.set()
        self.receiving.set()
        self.sent: set[str] = set()
        self.completed: set[str] = set()
        self.unknown: set[str] = set()
        self.twice: list[str] = []
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]
        for thread in self._threads:
            thread.start()

    def _client(self) -> ServiceBusClient:
        return ServiceBusClient.from_connection_string(self._connection_string, retry_total=0)

    def _send(self) -> None:
        number = 0
        while self.sending.is_set():
            try:
                with self._client() as client, client.get_queue_sender("q") as sender:
                    while self.sending.is_set():
                        batch = [str(number + n) for n in range(20)]
                        number += 20
                        sender.send_messages([ServiceBusMessage(body) for body in batch], timeout=5)
                        self.sent.update(batch)
            except ERRORS:
                continue

    def _receive(self) -> None:
        while self.receiving.is_set():
            try:
                with self._client() as client, client.get_queue_receiver("q", prefetch_count=100) as receiver:
                    while self.receiving.is_set():
                        for message in receiver.receive_messages(50, max_wait_time=0.5):
                            body = str(message)
                            if body in self.completed:
                                self.twice.append(body)
                            self.unknown.add(body)
                            receiver.complete_message(message)
                            self.unknown.discard(body)
                            self.completed.add(body)
            except ERRORS:
                continue

    def stop(self) -> None:
        self.sending.clear()
        self.receiving.clear()
        for thread in self._threads:
            thread.join()


def counts(server: RunningServer) -> dict[str, int]:
    with urllib.request.urlopen(f"{server.status_url}/entities") as response:
        line: dict[str, int] = json.load(response)["entities"][0]
    return line


# The SDK leaves the socket of a connection that was reset to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_kills_under_load_lose_nothing_and_bring_nothing_back(tmp_path: Path) -> None:
    queue = {"MaxDeliveryCount": 100, "LockDuration": "PT5S"}
    others = set(threading.enumerate())
    with running_server(document({"q": queue}), tmp_path / "data") as server:
        load = Load(server.connection_string)
        try:
            for _ in range(KILLS):
                goal = (len(load.sent) + 60, len(load.completed) + 60)
                eventually(
                    lambda goal=goal: len(load.sent) >= goal[0] and len(load.completed) >= goal[1],  # type: ignore[misc]
                    "traffic both ways",
                    60,
                )
                server.kill()
                server.start()
            load.sending.clear()
            eventually(lambda: counts(server)["active"] == 0, "an empty queue", 60)
        finally:
            load.stop()
            for thread in set(threading.enumerate()) - others:
                thread.join(10)  # the SDK's own, which hold the dead connections for a second
            gc.collect()  # here, where the warning is expected
        assert counts(server)["dead_letter"] == 0
    assert len(load.sent) >= KILLS * 60
    assert load.twice == []
    assert load.sent - load.completed - load.unknown == set()
    assert len(load.unknown) <= KILLS  # one completion at a time was under way


def test_a_restart_frees_locks_and_keeps_counts_schedules_and_duplicates(tmp_path: Path) -> None:
    queue = {"RequiresDuplicateDetection": True, "DuplicateDetectionHistoryTimeWindow": "P1D"}
    with running_server(document({"q": queue}), tmp_path / "data") as server:
        with (
            ServiceBusClient.from_connection_string(server.connection_string) as client,
            client.get_queue_sender("q") as sender,
            client.get_queue_receiver("q") as receiver,
        ):
            sender.send_messages([ServiceBusMessage(str(n), message_id=str(n)) for n in range(4)])
            sender.schedule_messages(ServiceBusMessage("soon"), _in_seconds(1))
            first, second, third, _ = receive(receiver, 4)
            receiver.abandon_message(first)
            receiver.defer_message(second)
            receiver.dead_letter_message(third, reason="r")
        server.kill()
        server.restart()
        with (
            ServiceBusClient.from_connection_string(server.connection_string) as client,
            client.get_queue_sender("q") as sender,
            client.get_queue_receiver("q") as receiver,
        ):
            sender.send_messages(ServiceBusMessage("again", message_id="0"))
            messages = receive(receiver, 3)
            assert sorted((str(m), m.delivery_count) for m in messages) == [("0", 1), ("3", 0), ("soon", 0)]
            assert bodies(receiver.receive_deferred_messages(second.sequence_number or 0)) == ["1"]
            assert counts(server)["dead_letter"] == 1
            sender.send_messages(ServiceBusMessage("new"))
            (new,) = receive(receiver, 1)
            assert (new.sequence_number or 0) > max(m.sequence_number or 0 for m in messages)
        assert server.stop() == 0


def _in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_200_000_waiting_messages_start_and_fit_in_300_mb(tmp_path: Path) -> None:
    with running_server(document({"q": {}}), tmp_path / "data") as server:
        server.stop()
        bare, head = raw.data(b"x" * 1024), Head().pack()
        with sqlite3.connect(tmp_path / "data" / "messages.db") as db:
            now = time.time_ns() // 1_000_000
            rows = ((n, 1, 0, n, 0, now, now + 10**9, None, 0, n, head, bare) for n in range(1, 200_001))
            db.executemany(store.INSERT, rows)
        db.close()
        server.start()
        assert rss_mb(server.pid) < 300
        assert counts(server)["active"] == 200_000
        with (
            ServiceBusClient.from_connection_string(server.connection_string) as client,
            client.get_queue_receiver("q", prefetch_count=500) as receiver,
        ):
            for message in receive(receiver, 500):
                receiver.complete_message(message)
        assert rss_mb(server.pid) < 300
        assert counts(server)["active"] == 199_500


def test_who_reads_the_database_holds_up_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "COMMITS_A_CHECKPOINT", 10)
    monkeypatch.setattr(store, "MOST_LOG_BYTES", 10_000)
    failed: list[Exception | None] = []

    async def write() -> float:
        kept = store.Store(tmp_path, asyncio.get_running_loop())
        slowest = 0.0
        with closing(sqlite3.connect(tmp_path / "messages.db")) as reader:
            for number in range(100):
                row, begun = kept.new_id(), time.monotonic()
                values = (row, 1, 0, row, 0, 0, None, None, 0, 0, b"head", b"x" * 3000)
                kept.submit([(store.INSERT, values)], failed.append)
                kept.flush()
                slowest = max(slowest, time.monotonic() - begun)
                await asyncio.sleep(0.001)  # the checkpoint is beside, in a thread
                if number == 5:
                    reader.execute("BEGIN")
                    reader.execute("SELECT count(*) FROM messages").fetchone()
        kept.close()
        return slowest

    assert asyncio.run(write()) < 1
    assert failed == [None] * 100


def test_a_log_that_has_become_large_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "COMMITS_A_CHECKPOINT", 50)
    monkeypatch.setattr(store, "MOST_LOG_BYTES", 200_000)

    async def write(messages: int) -> None:
        kept = store.Store(tmp_path, asyncio.get_running_loop())
        for _ in range(messages):
            row = kept.new_id()
            kept.submit([(store.INSERT, (row, 1, 0, row, 0, 0, None, None, 0, 0, b"head", b"x" * 3000))])
            kept.flush()
        assert kept._checkpoint
        await kept._checkpoint
        assert (tmp_path / "messages.db-wal").stat().st_size < 200_000
        assert kept._db.execute("SELECT count(*) FROM messages").fetchone() == (messages,)
        kept.close()

    asyncio.run(write(50))
