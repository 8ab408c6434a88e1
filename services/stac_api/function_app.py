"""The stac_api function app: HTTP requests go to the ASGI app, changes of the catalog empty its cache."""

import asyncio
import os
import typing

import azure.functions as func

from eventstac.azure.triggers import received_all
from eventstac.once import once
from eventstac.telemetry.opening import is_wanted, open_telemetry
from eventstac.telemetry.spans import Telemetry
from stac_api.app import create_app, open_cache, open_signer
from stac_api.settings import read
from stac_api.spans import Teller

if typing.TYPE_CHECKING:
    from eventstac.consumption import Consumer

SETTINGS = read(os.environ)
CACHE = open_cache(SETTINGS)
LISTENED_TO = is_wanted(os.environ)


@once
def telemetry() -> Telemetry:
    return open_telemetry("stac_api", os.environ)


@once
def consumer() -> "Consumer":
    # at the first change that is heard of: who only answers requests sends nothing
    from eventstac.azure.service_bus import ServiceBus, open_client
    from eventstac.consumption import Consumer
    from eventstac.retrying import RetryPolicy

    retry = RetryPolicy(longest_s=30.0)  # soon after Redis is back, old answers are forgotten
    return Consumer("stac_api", ServiceBus(open_client(os.environ)), retry, telemetry=telemetry())


TELLER = Teller(telemetry) if LISTENED_TO else None
API = create_app(
    SETTINGS,
    CACHE,
    open_signer(SETTINGS, os.environ),
    TELLER,
    compresses=SETTINGS.http == "streams",  # Microsoft's adapter takes an encoding for a charset
)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
if SETTINGS.http == "streams":
    from stac_api.http_streams import Answered, Call  # the import alone makes the host forward requests

    @app.route(route="{*route}", methods=list(func.HttpMethod))
    async def http_app_func(req: Call, context: func.Context) -> Answered:
        return await req.answer_by(API, context.trace_context)

else:
    from stac_api.invocations import escaped, unescaped

    ADAPTER = func.AsgiMiddleware(unescaped(API))  # type: ignore[no-untyped-call]

    @app.route(route="{*route}", methods=list(func.HttpMethod))
    async def http_app_func(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        call = func.HttpRequest(req.method, escaped(req.url), headers=req.headers, body=req.get_body())
        answer: func.HttpResponse = await ADAPTER.handle_async(call, context)
        return answer


@app.service_bus_topic_trigger(
    arg_name="messages",
    topic_name="items-changed",
    subscription_name="stac-api",
    connection="ServiceBus",
    cardinality=func.Cardinality.MANY,
)
async def forget_changed_collections(messages: typing.List[func.ServiceBusMessage]) -> None:
    from stac_api.hearing import hear

    heard = received_all(messages, "items-changed", "stac-api")
    made = await asyncio.to_thread(consumer)  # takes up to seconds the first time
    await hear(heard, cache=CACHE, lives_s=SETTINGS.redis_ttl_s, consumer=made)
