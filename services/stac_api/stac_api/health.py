"""Whether the API is alive, and whether it can answer."""

import asyncio
import logging
import re
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stac_api.database import Database, Row
from stac_api.errors import ApiError, Full, TooSlow
from stac_api.failures import Refused
from stac_api.latest import Latest
from stac_api.settings import Settings

TESTED_PGSTAC = "0.10.0"  # the version whose tables and functions the searches are written for
_PATIENCE_S = 5.0  # whoever asks for health waits for little longer
_GRACE_S = 0.5  # the server ends a query that takes too long by itself, and says so

_log = logging.getLogger("stac_api")
_FULL = (
    "It answers, but takes no more connections, so it was not asked for more: run fewer instances, lower "
    "STAC_API_CONNECTIONS, or take a larger database."
)


async def ping(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"message": "PONG"}, headers={"cache-control": "no-store"})


class Health:
    """Asks on a connection of its own: one that waited in line behind slow searches would call a database that
    answers them down.
    """

    def __init__(self, settings: Settings) -> None:
        patience_s = min(_PATIENCE_S, settings.statement_timeout_s)
        self._database = Database(replace(settings, connections=1, statement_timeout_s=patience_s))
        self._version = Latest(self._read_version)  # for all who ask meanwhile: the connection is one

    async def health(self, _: Request) -> Response:
        """The database answers, and holds the pgstac that the searches are written for; 503 otherwise.

        One whose connections are all taken answers, too: those that the API has may serve it well.
        """
        state = await self._state()
        status = 200 if state["status"] == "up" else 503
        return JSONResponse(state, status, headers={"cache-control": "no-store"})

    async def close(self) -> None:
        """Let the connection go."""
        await self._database.close()

    async def _state(self) -> dict[str, str | None]:
        try:
            async with asyncio.timeout(_PATIENCE_S + _GRACE_S):
                row = await self._version.get()
        except TimeoutError as error:  # of a mute server, or in line behind another's question
            _log.warning("database_away", extra={"reason": repr(error)})
            return _down("It does not answer in time: see whether it and the way to it are well.")
        except Full:
            return {"status": "up", "database": _FULL, "pgstac": None}
        except TooSlow:
            return _down("A plain question takes it too long: see which sessions wait, and for what.")
        except ApiError as error:
            return _down(error.description)
        except Refused:
            return _down("It refuses a plain question: see its log.")
        version = row["version"] if row else None
        if version == TESTED_PGSTAC:
            return {"status": "up", "database": "up", "pgstac": version}
        return {"status": "down", "database": "up", "pgstac": f"{version}, {_remedy(version)}"}

    async def _read_version(self) -> Row | None:
        return await self._database.row_of_pgstac("SELECT get_version() AS version")


def _remedy(version: str | None) -> str:
    """What is to be done where pgstac is another: it goes forwards only."""
    if version and _numbers(version) > _numbers(TESTED_PGSTAC):
        return f"newer than {TESTED_PGSTAC}, which this version knows: install an eventstac that knows it"
    return f"expected {TESTED_PGSTAC}: run eventstac setup"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _down(why: str) -> dict[str, str | None]:
    return {"status": "down", "database": why, "pgstac": None}
