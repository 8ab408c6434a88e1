"""Run the API under uvicorn, without a Functions host: `python -m stac_api --port 8080`."""

import argparse
import logging
import os
import sys
from functools import partial

import uvicorn

from eventstac.settings import SettingsMissing
from eventstac.telemetry.opening import is_wanted, open_telemetry
from stac_api.app import create_app, open_cache, open_signer
from stac_api.http_protocol import LeanProtocol
from stac_api.request_log import JsonLines
from stac_api.settings import read
from stac_api.spans import Teller


def main() -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="stac_api", description="The read-only STAC API of eventstac.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 lets the system choose")
    parser.add_argument("--no-compression", action="store_true", help="leave gzip to a proxy")
    parser.add_argument(
        "--log-level",
        default="info",
        choices=["debug", "info", "warning", "error"],
        help="from where on the log on standard error begins; info has a line for each request (info)",
    )
    options = parser.parse_args()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=options.log_level.upper(), handlers=[handler])
    try:
        settings = read(os.environ)
        teller = Teller(partial(open_telemetry, "stac_api", os.environ)) if is_wanted(os.environ) else None
        app = create_app(
            settings,
            open_cache(settings),
            open_signer(settings, os.environ),
            teller,
            compresses=not options.no_compression,
        )
    except SettingsMissing as error:
        sys.stderr.write(f"{error}\n")
        return 2
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        http=LeanProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,  # the app reads them itself
        server_header=False,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
