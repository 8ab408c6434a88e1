"""Whether the API is alive, and whether it can answer."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stac_api.answers import services
from stac_api.errors import ApiError
from stac_api.failures import Refused

TESTED_PGSTAC = "0.10.0"  # the version whose tables and functions the searches are written for


async def ping(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"message": "PONG"}, headers={"cache-control": "no-store"})


async def health(request: Request) -> Response:
    """The database answers, and holds the pgstac that the searches are written for; 503 otherwise."""
    try:
        row = await services(request).database.row_of_pgstac("SELECT get_version() AS version")
    except ApiError as error:
        state = {"status": "down", "database": error.description, "pgstac": None}
    except Refused:
        state = {"status": "down", "database": "It refuses a plain question: see its log.", "pgstac": None}
    else:
        version = row["version"] if row else None
        fits = version == TESTED_PGSTAC
        state = {
            "status": "up" if fits else "down",
            "database": "up",
            "pgstac": version if fits else f"{version}, expected {TESTED_PGSTAC}: run eventstac setup",
        }
    status = 200 if state["status"] == "up" else 503
    return JSONResponse(state, status, headers={"cache-control": "no-store"})
