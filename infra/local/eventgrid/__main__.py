"""`python -m infra.local.eventgrid`: the laptop's Event Grid as a process."""

import argparse
import asyncio
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from azure.servicebus import parse_connection_string

from infra.local.eventgrid import keys
from infra.local.eventgrid.config import ConfigError, load
from infra.local.eventgrid.schedule import Schedule
from infra.local.eventgrid.server import EventGrid, Settings

GRACE_S = 5.0  # for requests that are being answered when the process is asked to stop


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.eventgrid", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="loopback port; 0 lets the system choose")
    parser.add_argument("--config", type=Path, required=True, help="contracts/eventgrid.json")
    parser.add_argument(
        "--data", type=Path, required=True, help="directory of the deliveries that are still owed"
    )
    parser.add_argument("--servicebus", required=True, metavar="CS", help="Service Bus connection string")
    parser.add_argument(
        "--storage", required=True, metavar="CS", help="storage connection string, for dead letters"
    )
    parser.add_argument("--key", required=True, help="access key of the custom topics (base64)")
    parser.add_argument(
        "--retry-scale", type=float, default=1.0, metavar="F", help="multiplies all documented times"
    )
    parser.add_argument(
        "--shuffle", type=float, default=0.0, metavar="S", help="deliver up to S seconds out of order"
    )
    return parser.parse_args(argv)


def _check_connection_strings(servicebus: str, storage: str) -> None:
    """Find now what would otherwise only be found when the first event is delivered, or dies."""
    try:
        parse_connection_string(servicebus)
    except ValueError as error:
        raise ValueError(f"--servicebus is no Service Bus connection string: {error}") from error
    if "AccountName=" not in storage and "BlobEndpoint=" not in storage:
        raise ValueError(
            "--storage is no storage connection string: it has neither AccountName nor BlobEndpoint"
        )


async def _serve(settings: Settings, port: int) -> bool:
    """Serve until told to stop; False if the service had to stop by itself."""
    stop, failed = asyncio.Event(), asyncio.Event()

    def fail() -> None:
        failed.set()
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    settings = replace(settings, failed=fail)
    runner = web.AppRunner(EventGrid(settings).application(), access_log=None, shutdown_timeout=GRACE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError:
        await runner.cleanup()
        raise
    print(f"event grid listens on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)  # noqa: T201 - the contract
    await stop.wait()
    await runner.cleanup()
    return not failed.is_set()


def main(argv: list[str]) -> int:
    """Run until SIGTERM. Returns the exit code; what is wrong with the arguments goes to stderr as one sentence."""
    arguments = _arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("azure").setLevel(logging.ERROR)
    try:
        _check_connection_strings(arguments.servicebus, arguments.storage)
        keys.check_key_form(arguments.key)
        settings = Settings(
            load(arguments.config),
            arguments.data,
            arguments.servicebus,
            arguments.storage,
            arguments.key,
            Schedule(arguments.retry_scale),
            arguments.shuffle,
        )
        return 0 if asyncio.run(_serve(settings, arguments.port)) else 1
    except (ConfigError, ValueError, OSError) as error:
        print(f"event grid: {error}", file=sys.stderr)  # noqa: T201 - the command's own error
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
