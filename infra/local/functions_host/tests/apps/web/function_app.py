"""A sample app with HTTP triggers of every kind."""

import logging
import os
import sys
import threading
import time

import azure.functions as func

app = func.FunctionApp()
print("text of the app itself")
both = threading.Barrier(2)


@app.route(route="items/{id:int}/{*rest}", auth_level=func.AuthLevel.ANONYMOUS, methods=["GET", "POST"])
def item(req: func.HttpRequest) -> func.HttpResponse:
    body = f"{req.method} {dict(req.route_params)} {dict(req.params)} {req.url} {req.headers.get('x-a')}"
    return func.HttpResponse(body.encode() + b" " + req.get_body(), status_code=201, headers={"X-B": "ü?"})


@app.route(auth_level=func.AuthLevel.FUNCTION)
def guarded(req: func.HttpRequest) -> str:
    return "let in"


@app.route(auth_level=func.AuthLevel.ADMIN)
async def administered(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"\x00\xff", mimetype="application/octet-stream")
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly")
    response.headers.add("Set-Cookie", "b=2")
    return response


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("as it was asked to")


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def silent(req: func.HttpRequest) -> func.HttpResponse:
    return None


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def meets(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    both.wait(10)  # only two calls at the same time get past this
    logging.getLogger("app").info("met", extra={"blob": "b"})
    return func.HttpResponse(f"{context.function_name} {context.invocation_id}")


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def slow(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("slow begins")
    time.sleep(float(req.params["s"]))
    return func.HttpResponse("slow but done")


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def leaves(req: func.HttpRequest) -> func.HttpResponse:
    sys.exit(3)


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def settings(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(",".join(os.environ.get(name, "") for name in req.params["names"].split(",")))
