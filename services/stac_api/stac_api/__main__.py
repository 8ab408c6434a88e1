"""Run the API under uvicorn, without a Functions host: `python -m stac_api --port 8080`."""

import argparse
import os
import sys

import uvicorn
from starlette.middleware.gzip import GZipMiddleware

from stac_api.app import create_app, open_cache, open_signer
from stac_api.settings import SettingsError, read

_COMPRESS_FROM_BYTES = 1_500  # less fits one packet anyhow
_COMPRESSION_LEVEL = 4  # JSON shrinks tenfold already; higher levels cost more time than they save


def main() -> int:
    """Serve until stopped. Compression happens here: the Functions worker cannot pass it on."""
    parser = argparse.ArgumentParser(prog="stac_api", description="The read-only STAC API of eventstac.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 lets the system choose")
    parser.add_argument("--no-compression", action="store_true", help="leave gzip to a proxy")
    options = parser.parse_args()
    try:
        settings = read(os.environ)
        app = create_app(settings, open_cache(settings), open_signer(settings, os.environ))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if not options.no_compression:
        app = GZipMiddleware(app, minimum_size=_COMPRESS_FROM_BYTES, compresslevel=_COMPRESSION_LEVEL)
    uvicorn.run(app, host=options.host, port=options.port, lifespan="on", access_log=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
