"""The ASGI app: which address leads to which endpoint, and what surrounds them all."""

from starlette.types import ASGIApp

from stac_api import endpoints, health, openapi, statistics, validate
from stac_api.answers import Services, error_answer
from stac_api.bases import Bases
from stac_api.collection_search import CollectionSearch
from stac_api.cross_origin import CrossOrigin
from stac_api.database import Database
from stac_api.features import Writers
from stac_api.item_search import ItemSearch
from stac_api.routing import Route, Router
from stac_api.settings import Settings
from stac_api.surroundings import Surroundings

_ROUTES = (
    Route("/collections/{collection_id}/items/{item_id:path}", endpoints.item),
    Route("/search", endpoints.get_search),
    Route("/search", endpoints.post_search, "POST"),
    Route("/collections/{collection_id}/items", endpoints.items),
    Route("/collections/{collection_id}/queryables", endpoints.queryables),
    Route("/collections/{collection_id}/statistics", statistics.statistics),
    Route("/collections/{collection_id}", endpoints.collection),
    Route("/collections", endpoints.collections),
    Route("/", endpoints.landing),
    Route("/conformance", endpoints.conformance_classes),
    Route("/queryables", endpoints.queryables),
    Route("/validate", validate.validate, "POST"),
    Route("/api", openapi.as_json),
    Route("/api.html", openapi.as_page),
    Route("/_mgmt/ping", health.ping),
    Route("/_mgmt/health", health.health),
)


def create_app(settings: Settings) -> ASGIApp:
    """The STAC API. It connects to the database at the first request that needs it."""
    database = Database(settings)
    bases = Bases(database)
    services = Services(
        settings, database, Writers(bases), ItemSearch(database, bases, settings), CollectionSearch(database)
    )
    router = Router(_ROUTES, {"services": services}, on_error=error_answer, on_end=database.close)
    return Surroundings(CrossOrigin(router, settings.cors_origins))
