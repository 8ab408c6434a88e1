"""The ASGI app: which address leads to which endpoint, and what surrounds them all."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.types import ASGIApp

from stac_api import endpoints, openapi, statistics, validate
from stac_api.answers import Services, error_answer
from stac_api.bases import Bases
from stac_api.collection_search import CollectionSearch
from stac_api.cross_origin import CrossOrigin
from stac_api.database import Database
from stac_api.features import Writers
from stac_api.health import Health, ping
from stac_api.hot_answers import AnswerCache, kept
from stac_api.item_search import ItemSearch
from stac_api.request_log import name_requests
from stac_api.routing import Endpoint, Route, Router
from stac_api.settings import Settings
from stac_api.signing import Signer, sign_with
from stac_api.spans import Teller
from stac_api.surroundings import Surroundings
from stac_api.turns import Turns

_ROUTES = (
    Route("/collections/{collection_id}/items/{item_id:path}", endpoints.item),
    Route("/search", endpoints.get_search),
    Route("/search", endpoints.post_search, "POST"),
    Route("/collections/{collection_id}/items", endpoints.items),
    Route("/collections/{collection_id}/queryables", endpoints.queryables),
    Route("/collections/{collection_id}/statistics", statistics.statistics),
    Route("/collections/{collection_id}", endpoints.collection),
    Route("/collections", endpoints.collections),
    Route("/collections-queryables", endpoints.collection_queryables),
    Route("/", endpoints.landing),
    Route("/conformance", endpoints.conformance_classes),
    Route("/queryables", endpoints.queryables),
    Route("/validate", validate.validate, "POST"),
    Route("/api", openapi.as_json),
    Route("/api.html", openapi.as_page),
    Route("/_mgmt/ping", ping),
)


_FOR_LOOKUPS = 2  # connections: one's statement runs while the other's is written, or its answers are

# What many ask for again and again; their answers are kept where there is a cache.
_HOT: frozenset[Endpoint] = frozenset(
    (
        endpoints.get_search,
        endpoints.post_search,
        endpoints.item,
        endpoints.items,
        endpoints.collection,
        endpoints.collections,
    )
)


def open_cache(settings: Settings) -> AnswerCache | None:
    """The cache of answers, if the settings name one."""
    if settings.redis_url is None:
        return None
    from stac_api.redis_answers import RedisAnswers  # only who has a Redis pays for its client at start

    catalog = f"{settings.database}/{settings.catalog_id}"
    return RedisAnswers(settings.redis_url, catalog, settings.redis_ttl_s, settings.redis_wait_ms / 1000)


def open_signer(settings: Settings, environ: Mapping[str, str]) -> Signer | None:
    """What signs the addresses of assets, if the settings want it."""
    if not settings.signing:
        return None
    from eventstac.azure.blob_service import open_blob_service
    from eventstac.azure.blob_signing import BlobSigner  # the storage's SDK takes half a second to load

    return BlobSigner(open_blob_service(environ))


def create_app(
    settings: Settings,
    cache: AnswerCache | None = None,
    signer: Signer | None = None,
    teller: Teller | None = None,
    *,
    compresses: bool = False,
) -> ASGIApp:
    """The STAC API. It connects to the database at the first request that needs it; `teller` is told of each."""
    name_requests()
    database, for_lookups = _databases(settings)
    health = Health(settings)
    bases = Bases(database)
    items = ItemSearch(database, bases, settings, for_lookups)
    collections, turns = CollectionSearch(database), Turns(settings.connections, settings.statement_timeout_s)
    services = Services(settings, database, Writers(bases), items, collections, turns, compresses)

    async def end() -> None:
        await database.close()
        if for_lookups is not None:
            await for_lookups.close()
        await health.close()
        if cache is not None:
            await cache.close()

    routes = [*_ROUTES, Route("/_mgmt/health", health.health)]
    if cache is not None:
        routes = [
            replace(route, endpoint=kept(route.endpoint, cache)) if route.endpoint in _HOT else route
            for route in routes
        ]
    if signer is not None:
        routes.append(Route("/sign", sign_with(signer)))
    router = Router(
        routes, {"services": services}, on_error=error_answer, elsewhere=endpoints.elsewhere, on_end=end
    )
    return Surroundings(CrossOrigin(router, settings.cors_origins), teller)


def _databases(settings: Settings) -> tuple[Database, Database | None]:
    """For searches; and for Items by id, of which a statement reads many. Nothing is planned for long by a pooler."""
    few = min(_FOR_LOOKUPS, settings.connections // 4)
    if settings.pooled or not few:
        return Database(settings), None
    searches = replace(settings, connections=settings.connections - few)
    return Database(searches), Database(replace(settings, connections=few, at_once=few), planned_once=True)
