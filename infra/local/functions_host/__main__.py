"""Command line: `python -m infra.local.functions_host APP_DIR --port N --state DIR`."""

import argparse
import asyncio
import sys
from pathlib import Path

from infra.local.functions_host import host_json, logs, settings, supervisor
from infra.local.functions_host.errors import HostError


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.functions_host",
        description="Run a Python function app (v2 model) and drive its triggers, as Azure Functions does.",
    )
    parser.add_argument("app_dir", type=Path, help="folder with function_app.py and host.json")
    parser.add_argument(
        "--port", type=int, required=True, help="HTTP port on loopback; 0: the system chooses"
    )
    parser.add_argument("--state", type=Path, required=True, help="folder for what must outlive a restart")
    parser.add_argument(
        "--workers", type=_positive, default=1, help="worker processes, each like an instance (1)"
    )
    parser.add_argument("--settings", type=Path, help="JSON object of settings; wins over the environment")
    parser.add_argument("--drain-seconds", type=float, default=30.0, help="limit of a drain on SIGTERM (30)")
    return parser.parse_args()


def main() -> int:
    """Run the host; returns the exit code."""
    arguments = _arguments()
    logs.configure()
    folder, state = arguments.app_dir.resolve(), arguments.state.resolve()
    try:
        host_json.read(folder)
        environment = settings.environment(folder, arguments.settings)
        app = supervisor.App(folder, environment, state, arguments.workers, arguments.drain_seconds)
        with supervisor.claim(state), supervisor.listen(arguments.port) as listening:
            return asyncio.run(supervisor.run(app, listening))
    except HostError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
