"""The command line: `python -m infra.local.servicebus --topology F --data DIR --port N --key K`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from infra.local.servicebus.broker import PREMIUM_MB, TIERS
from infra.local.servicebus.server import Options, Server
from infra.local.servicebus.store import StoreError
from infra.local.servicebus.topology import TopologyError, load


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 after an orderly stop, 2 with one sentence for what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.servicebus", description="A Service Bus stand-in."
    )
    parser.add_argument("--topology", type=Path, required=True, help="the entities, in the emulator's shape")
    parser.add_argument("--data", type=Path, required=True, help="directory that keeps the messages")
    parser.add_argument("--port", type=int, default=5672, help="AMQP port on loopback; 0: the system chooses")
    parser.add_argument("--key", default=os.environ.get("SERVICEBUS_KEY"), help="the shared access key")
    parser.add_argument("--status-port", type=int, help="HTTP port for /health and /entities")
    parser.add_argument("--tier", choices=sorted(TIERS), default="standard", help="which size limits apply")
    parser.add_argument(
        "--max-message-mb",
        type=int,
        choices=PREMIUM_MB,
        default=1,
        metavar="MB",
        help="premium only: the largest message, 1 to 100",
    )
    parser.add_argument(
        "--survive-power-loss", action="store_true", help="wait for the disk at every commit (slower)"
    )
    given = parser.parse_args(arguments)
    if not given.key:
        parser.error("--key (or SERVICEBUS_KEY) must hold the shared access key")
    if given.max_message_mb > 1 and given.tier != "premium":
        parser.error("--max-message-mb is a setting of --tier premium")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        topology = load(given.topology)
        options = Options(
            topology,
            given.data,
            given.key,
            given.port,
            given.status_port,
            given.tier,
            given.survive_power_loss,
            given.max_message_mb,
        )
        asyncio.run(_serve(Server(options)))
    except (TopologyError, StoreError, OSError) as error:
        sys.stderr.write(f"servicebus: {error}\n")
        return 2
    return 0


async def _serve(server: Server) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.start()
    sys.stdout.write(f"servicebus ready port={server.port} status-port={server.status_port or '-'}\n")
    sys.stdout.flush()
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    sys.exit(main())
