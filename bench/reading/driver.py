"""Sends prepared work over a number of connections and measures it, in a process of its own that costs little.

Reads one pickled dictionary from its standard input (`bench/api.py` writes it): `clients`, `seconds`, and either `port`
and `requests` (HTTP/1.1, as bytes) or `connect`, `session` and `statements` (SQL with its values).
Writes one JSON object. Where one answer to each client takes long (LONGEST_S), it is the measurement: nothing is gained
by warming up what takes minutes.
"""

import asyncio
import json
import pickle
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import asyncpg
import uvloop

LEAST = 30  # requests of a measurement, where a client takes long
LONGEST_S = 15.0

Job = Callable[[int], Awaitable[None]]


class Http(asyncio.Protocol):
    """One kept connection; an answer is read to its end and counted, not kept."""

    def __init__(self) -> None:
        self._head = b""
        self._missing = 0
        self._status = 0
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where requests go."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its type

    @property
    def closed(self) -> bool:
        """Whether the server has ended it."""
        return self._transport.is_closing()

    def send(self, request: bytes) -> Awaitable[int]:
        """Send one request; gives the status once the whole answer is here."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        """Count a part of an answer."""
        if self._missing:
            self._missing -= len(data)
        else:
            data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head, head = b"", data[:end].lower() + b"\r"
            start = head.index(b"content-length:") + 15
            self._status = int(head[9:12])
            self._missing = int(head[start : head.index(b"\r", start)]) - (len(data) - end - 4)
        if not self._missing and self._answer and not self._answer.done():
            self._answer.set_result(self._status)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what was asked for."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server closed the connection"))


async def http_client(work: dict[str, Any]) -> Job:
    """A client that sends one request after the other."""
    requests, loop = work["requests"], asyncio.get_running_loop()

    async def connect() -> Http:
        return (await loop.create_connection(Http, "127.0.0.1", work["port"]))[1]

    kept = [await connect()]

    async def job(number: int) -> None:
        request = requests[number % len(requests)]
        if kept[0].closed:  # servers do so with connections that were idle for seconds
            kept[0] = await connect()
        try:
            status = await kept[0].send(request)
        except ConnectionError:  # it did so in the moment when the request was on its way
            kept[0] = await connect()
            status = await kept[0].send(request)
        if status != 200:
            raise SystemExit(f"{status} for {request[:300]!r}")

    return job


async def sql_client(work: dict[str, Any]) -> Job:
    """A client that runs one statement after the other, on a connection for each kind of session that they need."""
    statements, kept = work["statements"], {}
    for _, _, own in statements:
        if (key := str(own)) not in kept:
            kept[key] = await asyncpg.connect(**work["connect"], server_settings=work["session"] | own)

    async def job(number: int) -> None:
        sql, values, own = statements[number % len(statements)]
        await kept[str(own)].fetch(sql, *values)

    return job


async def measure(jobs: list[Job], seconds: float, least: int = 0) -> dict[str, float]:
    """Each client sends its next when its last is answered. A rate, percentiles in ms, and this process's time.

    It goes on until `least` requests were sent, since of a few there are no percentiles; not for ever.
    """
    times: list[float] = []
    asked = 0
    numbers = iter(range(10**9))
    started, cpu = time.perf_counter(), time.process_time()

    async def client(job: Job) -> None:
        nonlocal asked
        while (sent := time.perf_counter()) < started + (seconds if asked >= least else LONGEST_S):
            asked += 1
            await job(next(numbers))
            times.append(time.perf_counter() - sent)

    await asyncio.gather(*(client(job) for job in jobs))
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    times.sort()
    p50, p95, p99 = (times[min(int(len(times) * part), len(times) - 1)] * 1000 for part in (0.5, 0.95, 0.99))
    return {
        "rate": len(times) / elapsed,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "sent": len(times),
        "cpu_s": cpu,
    }


async def main() -> None:
    """Warm up, measure, tell."""
    work = pickle.load(sys.stdin.buffer)  # bench/api.py wrote it
    connect = http_client if "port" in work else sql_client
    jobs = [await connect(work) for _ in range(work["clients"])]
    started = time.perf_counter()
    warm = await measure(jobs, work["seconds"] / 3)
    if time.perf_counter() - started > LONGEST_S:
        sys.stdout.write(json.dumps(warm))
        return
    figures = await measure(jobs, work["seconds"], LEAST)
    both = {"sent": warm["sent"] + figures["sent"], "cpu_s": warm["cpu_s"] + figures["cpu_s"]}
    sys.stdout.write(json.dumps(figures | both))


if __name__ == "__main__":
    uvloop.run(main())
