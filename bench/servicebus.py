"""How fast the laptop's Service Bus is, as one client process with the unmodified SDK sees it.

`python bench/servicebus.py [--messages N]`: durability on (every acknowledgement after its commit), 500-byte bodies.
There is nothing to compare with on a machine without Docker: the figures are the SDK's as much as the broker's, so the
broker's own processor time is printed beside them.
"""

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiver, ServiceBusSender  # noqa: E402

from infra.local.servicebus.testing import running_server  # noqa: E402

TOPOLOGY = {"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": [{"Name": "q"}], "Topics": []}]}}
BODY = b"x" * 500
BATCH = 200


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def send_batches(sender: ServiceBusSender, count: int) -> None:
    for _ in range(count // BATCH):
        sender.send_messages([ServiceBusMessage(BODY) for _ in range(BATCH)])


def send_singly(sender: ServiceBusSender, count: int) -> None:
    for _ in range(count):
        sender.send_messages(ServiceBusMessage(BODY))


def receive(receiver: ServiceBusReceiver, count: int) -> None:
    done = 0
    while done < count:
        for message in receiver.receive_messages(100, max_wait_time=10):
            receiver.complete_message(message)
            done += 1


def latencies(sender: ServiceBusSender, receiver: ServiceBusReceiver, count: int) -> list[float]:
    """Milliseconds from before the send to after the receive, one message at a time."""
    found: list[float] = []
    for _ in range(count):
        arrived = threading.Event()

        def take(arrived: threading.Event) -> None:
            (message,) = receiver.receive_messages(1, max_wait_time=10)
            found.append((time.perf_counter() - float(str(message))) * 1000)
            receiver.complete_message(message)
            arrived.set()

        thread = threading.Thread(target=take, args=(arrived,))
        thread.start()
        sender.send_messages(ServiceBusMessage(str(time.perf_counter())))
        arrived.wait(20)
        thread.join()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    count = parser.parse_args().messages // BATCH * BATCH
    with (
        tempfile.TemporaryDirectory(prefix="bench-servicebus-") as directory,
        running_server(TOPOLOGY, Path(directory) / "data") as server,
        ServiceBusClient.from_connection_string(server.connection_string) as client,
        client.get_queue_sender("q") as sender,
        client.get_queue_receiver("q", prefetch_count=500) as receiver,
    ):
        steps: dict[str, tuple[int, Callable[[], None]]] = {
            f"send, batches of {BATCH}": (count, lambda: send_batches(sender, count)),
            "receive and complete": (count, lambda: receive(receiver, count)),
            "send, one by one": (count // 5, lambda: send_singly(sender, count // 5)),
            "receive and complete, again": (count // 5, lambda: receive(receiver, count // 5)),
        }
        for name, (number, step) in steps.items():
            begun, cpu = time.perf_counter(), cpu_seconds(server.pid)
            step()
            took = time.perf_counter() - begun
            used = (cpu_seconds(server.pid) - cpu) / number * 1e6
            sys.stdout.write(f"{name:30} {number / took:8.0f} messages/s   broker {used:5.0f} µs a message\n")
        receive_one = latencies(sender, receiver, 200)
        p50, p95 = statistics.median(receive_one), statistics.quantiles(receive_one, n=20)[18]
        sys.stdout.write(f"{'send to receive':30} {p50:8.2f} ms median   {p95:.2f} ms p95\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
