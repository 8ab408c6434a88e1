"""The least that a Python server can do for a statement: run it and send its bytes, no more. To compare with only.

`GET /SCENARIO/NUMBER` runs that scenario's statement of that number. Reads what to run from the pickled file that it is
given: `connect`, `session`, `connections` and `statements` by scenario.

    python floor.py FILE PORT
"""

import asyncio
import pickle
import sys
from pathlib import Path
from typing import Any

import asyncpg
import uvicorn

WORK = pickle.loads(Path(sys.argv[1]).read_bytes())  # bench/api.py wrote it
STATEMENTS = list(WORK["statements"].values())
FREE: dict[str, list[Any]] = {}
TURN = asyncio.Semaphore(WORK["connections"])
HEAD = [(b"content-type", b"application/geo+json")]


async def connect(own: dict[str, str]) -> Any:
    """A connection whose session has these settings more."""
    return await asyncpg.connect(**WORK["connect"], server_settings=WORK["session"] | own)


async def floor(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answer with the statement's columns of bytes, or of lists of them, one after the other."""
    if scope["type"] != "http":
        return
    _, scenario, number = scope["path"].split("/")
    sql, values, own = STATEMENTS[int(scenario)][int(number)]
    async with TURN:
        free = FREE.setdefault(str(own), [])
        connection = free.pop() if free else await connect(own)
        rows = await connection.fetch(sql, *values)
        free.append(connection)
    columns = (value if isinstance(value, list) else (value,) for row in rows for value in row)
    body = b"".join(value for column in columns for value in column if isinstance(value, bytes))
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [*HEAD, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        floor,
        port=int(sys.argv[2]),
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        log_level="warning",
    )
