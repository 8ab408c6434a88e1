"""The stac_api function app: HTTP requests go to the ASGI app, changes of the catalog empty its cache."""

import os
import typing

import azure.functions as func

from eventstac.azure.triggers import received_all
from eventstac.once import once
from eventstac.telemetry.opening import is_wanted, open_telemetry
from eventstac.telemetry.spans import Telemetry
from stac_api.app import create_app, open_cache, open_signer
from stac_api.compression import compressed
from stac_api.hearing import handled
from stac_api.hot_answers import forget_changed
from stac_api.settings import read
from stac_api.spans import Teller

SETTINGS = read(os.environ)
CACHE = open_cache(SETTINGS)
LISTENED_TO = is_wanted(os.environ)


@once
def telemetry() -> Telemetry:
    return open_telemetry("stac_api", os.environ)


TELLER = Teller(telemetry) if LISTENED_TO else None
API = create_app(SETTINGS, CACHE, open_signer(SETTINGS, os.environ), TELLER)

app: func.FunctionApp | func.AsgiFunctionApp
if SETTINGS.http == "streams":
    from stac_api.http_streams import Answered, Call  # the import alone makes the host forward requests

    COMPRESSED = compressed(API)
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route(route="{*route}", methods=list(func.HttpMethod))
    async def http_app_func(req: Call, context: func.Context) -> Answered:
        return await req.answer_by(COMPRESSED, context.trace_context)

else:  # not compressed: Microsoft's adapter takes an encoding for a charset
    app = func.AsgiFunctionApp(API, http_auth_level=func.AuthLevel.ANONYMOUS)


@app.service_bus_topic_trigger(
    arg_name="messages",
    topic_name="items-changed",
    subscription_name="stac-api",
    connection="ServiceBus",
    cardinality=func.Cardinality.MANY,
)
async def forget_changed_collections(messages: typing.List[func.ServiceBusMessage]) -> None:
    heard = received_all(messages, "items-changed", "stac-api")
    # without a cache there is nothing to forget, and the messages are done
    forget = None if CACHE is None else forget_changed([one.body for one in heard], CACHE)
    await handled(heard, forget, telemetry if LISTENED_TO else None)
