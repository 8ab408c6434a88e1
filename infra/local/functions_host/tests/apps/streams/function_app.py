"""A sample app with HTTP streams: it answers in parts, and hears when its client is gone."""

import json
import logging

import azure.functions as func
from extension import Call, Done

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


async def _begin(req: Call, status: int = 200) -> None:
    headers = [(b"content-type", b"text/x-parts"), (b"content-encoding", b"as-it-is")]
    await req.send({"type": "http.response.start", "status": status, "headers": headers})


@app.route(route="echo/{name}")
async def echo(req: Call) -> Done:
    """The request's body as it comes, part by part, after a line of what else came."""
    await _begin(req, 201)
    seen = {
        "route": req.route,
        "path": req.scope["raw_path"].decode(),
        "query": req.scope["query_string"].decode(),
        "method": req.scope["method"],
        "host": req.headers["host"],
        "x-a": req.headers.getlist("x-a"),
        "invocation": bool(req.headers.get("x-ms-invocation-id")),
    }
    await req.send(
        {"type": "http.response.body", "body": json.dumps(seen).encode() + b"\n", "more_body": True}
    )
    more = True
    while more:
        message = await req.receive()
        more = message.get("more_body", False)
        await req.send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})
    return Done()


@app.route(route="waits")
async def waits(req: Call) -> Done:
    """Nothing, until the client is gone."""
    while (await req.receive())["type"] != "http.disconnect":
        logging.info("%s is waiting", req.scope["method"])
    logging.info("the client of %s is gone", req.scope["method"])
    return Done()


@app.route(route="fails")
async def fails(req: Call) -> Done:
    """An error."""
    raise RuntimeError("of the app")
