"""`python -m infra.local.blob_events`: Blob storage with events, as a process."""

import argparse
import asyncio
import logging
import signal
import sqlite3
import sys
from pathlib import Path

from infra.local.blob_events.server import Settings, serving


def _settings(argv: list[str]) -> Settings:
    parser = argparse.ArgumentParser(prog="python -m infra.local.blob_events", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="loopback port; 0 lets the system choose")
    parser.add_argument("--azurite", required=True, metavar="URL", help="Azurite's address")
    parser.add_argument("--eventgrid", required=True, metavar="URL", help="Event Grid's address")
    parser.add_argument("--account", default="devstoreaccount1", help="storage account")
    parser.add_argument("--data", type=Path, required=True, help="directory of the journal")
    parser.add_argument(
        "--admin-port", type=int, required=True, help="loopback port of /mute, /unmute, /stats"
    )
    parser.add_argument("--latency-ms", type=float, default=0.0, metavar="L", help="added to each request")
    given = parser.parse_args(argv)
    return Settings(
        given.port,
        given.admin_port,
        given.azurite,
        given.eventgrid,
        given.account,
        given.data,
        given.latency_ms / 1000,
    )


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with serving(settings) as running:
        print(  # noqa: T201 - whoever starts the process reads the addresses here
            f"blob storage listens on {running.url} with its admin at {running.admin_url}", flush=True
        )
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, running.publishing}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if running.publishing.done():
            running.publishing.result()  # a full disk: better no storage than one that tells nobody


def main(argv: list[str]) -> int:
    """Run until SIGTERM. Returns the exit code; a port that is taken is one sentence on stderr."""
    settings = _settings(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(_serve(settings))
    except (OSError, ValueError, sqlite3.Error) as error:
        print(f"blob storage: {error}", file=sys.stderr)  # noqa: T201 - the command's own error
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
