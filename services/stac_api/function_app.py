"""The stac_api function app: every HTTP request goes to the ASGI app."""

import os

import azure.functions as func

from stac_api.app import create_app
from stac_api.settings import read

app = func.AsgiFunctionApp(app=create_app(read(os.environ)), http_auth_level=func.AuthLevel.ANONYMOUS)
