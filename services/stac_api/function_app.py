"""The stac_api function app: HTTP requests go to the ASGI app, changes of the catalog empty its cache."""

import os
import typing

import azure.functions as func

from stac_api.app import create_app, open_cache, open_signer
from stac_api.hot_answers import forget_changed
from stac_api.settings import read

SETTINGS = read(os.environ)
CACHE = open_cache(SETTINGS)

API = create_app(SETTINGS, CACHE, open_signer(SETTINGS, os.environ))

app = func.AsgiFunctionApp(app=API, http_auth_level=func.AuthLevel.ANONYMOUS)


@app.service_bus_topic_trigger(
    arg_name="messages",
    topic_name="items-changed",
    subscription_name="stac-api",
    connection="ServiceBus",
    cardinality=func.Cardinality.MANY,
)
async def forget_changed_collections(messages: typing.List[func.ServiceBusMessage]) -> None:
    if CACHE is not None:  # without one there is nothing to forget, and the messages are done
        await forget_changed([message.get_body() for message in messages], CACHE)
