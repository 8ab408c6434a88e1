"""The ASGI app: which address leads to which endpoint, and what surrounds them all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from stac_api import endpoints, health, openapi, statistics, validate
from stac_api.answers import Services, error_answer
from stac_api.bases import Bases
from stac_api.collection_search import CollectionSearch
from stac_api.database import Database
from stac_api.errors import ApiError
from stac_api.features import Writers
from stac_api.item_search import ItemSearch
from stac_api.settings import Settings
from stac_api.surroundings import Surroundings

_ROUTES = (
    Route("/search", endpoints.get_search, methods=["GET"]),
    Route("/search", endpoints.post_search, methods=["POST"]),
    Route("/collections/{collection_id}/items/{item_id:path}", endpoints.item, methods=["GET"]),
    Route("/collections/{collection_id}/items", endpoints.items, methods=["GET"]),
    Route("/collections/{collection_id}/queryables", endpoints.queryables, methods=["GET"]),
    Route("/collections/{collection_id}", endpoints.collection, methods=["GET"]),
    Route("/collections", endpoints.collections, methods=["GET"]),
    Route("/", endpoints.landing, methods=["GET"]),
    Route("/conformance", endpoints.conformance_classes, methods=["GET"]),
    Route("/queryables", endpoints.queryables, methods=["GET"]),
    Route("/collections/{collection_id}/statistics", statistics.statistics, methods=["GET"]),
    Route("/validate", validate.validate, methods=["POST"]),
    Route("/api", openapi.as_json, methods=["GET"]),
    Route("/api.html", openapi.as_page, methods=["GET"]),
    Route("/_mgmt/ping", health.ping, methods=["GET"]),
    Route("/_mgmt/health", health.health, methods=["GET"]),
)


def create_app(settings: Settings) -> ASGIApp:
    """The STAC API. It connects to the database at the first request that needs it."""
    database = Database(settings)
    bases = Bases(database)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await database.close()

    app = Starlette(
        routes=_ROUTES,
        lifespan=lifespan,
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "HEAD", "POST", "OPTIONS"],
                allow_headers=["*"],
                expose_headers=["ETag", "Link", "Retry-After", "X-Request-Id"],
            ),
        ],
        exception_handlers={ApiError: error_answer, HTTPException: error_answer, Exception: error_answer},
    )
    app.state.services = Services(
        settings, database, Writers(bases), ItemSearch(database, bases, settings), CollectionSearch(database)
    )
    return Surroundings(app)
