"""Answers kept in a real Redis: never an old one after its collection changed, and no Redis is no trouble."""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from eventstac.breaker import Breaker
from eventstac.contracts import contract_path
from eventstac.errors import Transient
from infra.local.functions_host.testing import running_host
from infra.local.servicebus.testing import RunningServer, running_server
from stac_api.hot_answers import EVERY, KeptAnswer, Slot
from stac_api.redis_answers import RedisAnswers
from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client, load
from tests.integration.stac_api.places import APP, MAIN, READER, Place
from tests.integration.stac_api.redis_server import RunningRedis, running_redis

ITEM = "/collections/edges/items/period"
# An answer for which Redis took longer is not kept, and need not be: a busy machine would make tests of that.
PATIENCE_MS = "3000"
ANSWER = KeptAnswer(b"{}", [(b"etag", b'"a"')])


in_the_main_places = pytest.mark.parametrize("place", MAIN, indirect=True, scope="session")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRedis]:
    with running_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def own(database: CatalogDatabase) -> CatalogDatabase:
    load(database.settings.conninfo, catalog.COLLECTIONS, catalog.ITEMS[-6:])
    return database


@pytest.fixture(scope="module")
def api(place: Place, own: CatalogDatabase, redis: RunningRedis) -> Iterator[Client]:
    with place.serve(own, REDIS_URL=redis.url, STAC_API_REDIS_WAIT_MS=PATIENCE_MS) as running:
        client = Client(running.url)
        yield client
        client.session.close()


def on_redis[T](
    redis: RunningRedis, use: Callable[[RedisAnswers], Awaitable[T]], catalog_: str | None = None, **more: Any
) -> T:
    async def run() -> T:
        cache = RedisAnswers(redis.url, catalog_ or secrets.token_hex(4), 60, 10.0, **more)
        try:
            return await use(cache)
        finally:
            await cache.close()

    return asyncio.run(run())


def tell(own: CatalogDatabase, redis: RunningRedis, *collections: str) -> None:
    """What the app does when an event says that a collection changed."""
    on_redis(redis, lambda cache: cache.forget(collections), f"{own.settings.database}/test")


def rename(own: CatalogDatabase, title: str, item: str = "period") -> None:
    """Change an Item in the catalog, without a word about it."""
    with psycopg.connect(own.settings.conninfo, autocommit=True) as connection:
        connection.execute(
            "UPDATE pgstac.items SET content = jsonb_set(content, '{properties,title}', %s) WHERE id = %s",
            [json.dumps(title), item],
        )


def example(event_type: str) -> dict[str, Any]:
    """An event as the contract shows it."""
    event: dict[str, Any] = json.loads(
        min(contract_path(f"events/examples/{event_type}").glob("*.json")).read_text()
    )
    return event


def title(feature: dict[str, Any]) -> Any:
    return feature["properties"].get("title")


MANY = [f"a{number}" for number in range(25)]  # that are not there

QUESTIONS: dict[str, Callable[[Client], Any]] = {
    "item": lambda api: title(api.get(ITEM)),
    "items": lambda api: title(api.get("/collections/edges/items", ids="period")["features"][0]),
    "search": lambda api: title(api.get("/search", ids="period")["features"][0]),
    "search in it": lambda api: title(api.get("/search", ids="period", collections="edges")["features"][0]),
    "search in both": lambda api: title(
        api.get("/search", ids="period", collections="scenes,edges")["features"][0]
    ),
    "search in it, with a space": lambda api: title(
        api.get("/search", ids="period", collections=" edges")["features"][0]
    ),
    "search in many": lambda api: title(
        api.get("/search", ids="period", collections=",".join(["edges", *MANY]))["features"][0]
    ),
    "post": lambda api: title(api.post("/search", {"ids": ["period"]})["features"][0]),
    "post in it": lambda api: title(
        api.post("/search", {"ids": ["period"], "collections": ["edges"]})["features"][0]
    ),
    "head": lambda api: api("HEAD", ITEM).headers["ETag"] and title(api.get(ITEM)),
}


@in_the_main_places
@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_is_kept_until_its_collection_changes(
    api: Client, own: CatalogDatabase, redis: RunningRedis, question: str
) -> None:
    ask = QUESTIONS[question]
    rename(own, "first")
    tell(own, redis, "edges")
    assert ask(api) == "first"
    rename(own, "second")
    assert ask(api) == "first"  # nobody said anything: the answer is the kept one
    tell(own, redis, "scenes")
    if question in ("item", "items", "search in it", "post in it", "head"):
        assert ask(api) == "first"  # another collection's change
    tell(own, redis, "edges")
    assert ask(api) == "second"


@in_the_main_places
def test_a_question_of_who_has_a_copy_is_kept_for_who_has_none(
    api: Client, own: CatalogDatabase, redis: RunningRedis
) -> None:
    rename(own, "before")
    tell(own, redis, "edges")
    assert api("GET", ITEM, headers={"If-None-Match": "*"}).status_code == 304
    rename(own, "after")
    assert title(api.get(ITEM)) == "before"  # the kept one


@in_the_main_places
def test_a_body_that_says_null_gets_no_answer_of_one_that_says_nothing(api: Client) -> None:
    headers = {"Content-Type": "application/json"}
    for body, status in (("", 200), ("{}", 200), ("null", 400), ("", 200), ("null", 400)):
        assert api("POST", "/search", data=body, headers=headers).status_code == status, body


@in_the_main_places
def test_a_slash_of_a_name_is_none_of_an_address_in_kept_answers_either(api: Client) -> None:
    for path in ("/collections/edges/items", "/collections/edges/items/period"):
        with_slashes = f"/collections/{path.removeprefix('/collections/').replace('/', '%2F')}"
        assert api.get(path)
        api.get(with_slashes, status=404)
        assert api.get(path)


@in_the_main_places
def test_collections_are_kept_until_any_changes(
    api: Client, own: CatalogDatabase, redis: RunningRedis
) -> None:
    def titles() -> list[str]:
        listed = api.get("/collections", collections="scenes")["collections"]
        return [each["title"] for each in listed if each["id"] == "edges"] + [
            api.get("/collections/edges")["title"]
        ]

    assert titles() == ["Edges of the Earth"] * 2
    with psycopg.connect(own.settings.conninfo, autocommit=True) as connection:
        connection.execute(
            "UPDATE pgstac.collections SET content = jsonb_set(content, '{title}', '\"New\"') WHERE id = 'edges'"
        )
        try:
            assert titles() == ["Edges of the Earth"] * 2
            tell(own, redis, "scenes")
            assert titles() == ["New", "Edges of the Earth"]
            tell(own, redis, "edges")
            assert titles() == ["New", "New"]
        finally:
            connection.execute(
                "UPDATE pgstac.collections SET content = jsonb_set(content, '{title}', '\"Edges of the Earth\"') "
                "WHERE id = 'edges'"
            )
            tell(own, redis, "edges")


@in_the_main_places
def test_a_kept_answer_is_the_same_as_a_made_one(
    api: Client, place: Place, own: CatalogDatabase, redis: RunningRedis
) -> None:
    """For every spelling of a question, proxy, language and condition; and one is not given for another."""
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", ITEM, {}),
        ("GET", ITEM, {"headers": {"Accept": "text/html"}}),
        ("GET", ITEM, {"headers": {"X-Forwarded-Host": "a.example"}}),
        ("GET", ITEM, {"headers": {"If-None-Match": "*"}}),
        ("HEAD", ITEM, {}),
        ("GET", "/collections/edges", {}),
        ("GET", "/collections", {}),
        ("GET", "/collections?limit=1", {}),
        ("GET", "/search?limit=1", {}),
        ("GET", "/search?limit=1&ids=period&ids=greenwich", {}),
        ("GET", "/search?limit=1&fields=id", {}),
        ("POST", "/search", {"json": {"limit": 1}}),
        ("POST", "/search", {"json": {"limit": 2}}),
        ("POST", "/search", {"data": b"", "headers": {"Content-Type": "application/json"}}),
        ("GET", "/search?limit=none", {}),
        ("POST", "/search", {"data": b"{", "headers": {"Content-Type": "application/json"}}),
        ("POST", "/search", {"data": b"{}", "headers": {"Content-Type": "text/plain"}}),
        ("GET", "/collections/edges/items/none", {}),
    ]

    def answers(api: Client) -> list[tuple[Any, ...]]:
        found = [api(method, path, **options) for method, path, options in asked]
        names = ("Content-Type", "ETag", "Last-Modified", "Cache-Control", "Vary", "Content-Length")
        return [
            (each.status_code, each.text.replace(api.url, "URL"), *(each.headers.get(name) for name in names[:1]),
             each.headers.get("Cache-Control"), each.headers.get("Vary"), "ETag" in each.headers)
            for each in found
        ]  # fmt: skip

    with place.serve(own, REDIS_URL="") as running:
        made = answers(Client(running.url))
    assert answers(api) == made
    assert answers(api) == made
    etag = api("GET", ITEM).headers["ETag"]
    assert api("GET", ITEM, headers={"If-None-Match": etag}).status_code == 304
    assert redis.keys() > 8


def test_an_answer_from_before_a_change_that_comes_after_it_is_never_found(redis: RunningRedis) -> None:
    async def race(cache: RedisAnswers) -> None:
        for collections in (("a",), ("a", "b"), (EVERY,)):
            slot = await cache.find(b"question", collections)
            assert isinstance(slot, Slot)
            await cache.forget(["a"])
            await cache.put(slot, ANSWER)
            later = await cache.find(b"question", collections)
            assert isinstance(later, Slot)
            await cache.put(later, ANSWER)
            assert await cache.find(b"question", collections) == ANSWER
            await cache.put(slot, KeptAnswer(b"old", []))  # the slowest of all
            assert isinstance(await cache.find(b"question", collections), Slot)

    on_redis(redis, race)


def test_an_answer_that_a_change_ended_does_not_come_back_when_redis_evicts(redis: RunningRedis) -> None:
    async def use(cache: RedisAnswers) -> None:
        for collections in (("a",), ("a", "b"), (EVERY,)):
            generations = [cache._generation(name) for name in collections]
            slot = await cache.find(b"question", collections)
            assert isinstance(slot, Slot)
            assert all(slot.generations)
            await cache.put(slot, ANSWER)  # before the first change
            assert await cache.find(b"question", collections) == ANSWER
            slow = await cache.find(b"slow", collections)
            assert isinstance(slow, Slot)
            await cache.forget(["a"])
            await cache._redis.delete(*generations)
            assert isinstance(await cache.find(b"question", collections), Slot)
            await cache.put(slow, ANSWER)  # looked up before the change
            assert isinstance(await cache.find(b"slow", collections), Slot)
            await cache._redis.flushall()

    on_redis(redis, use)


def test_a_redis_that_keeps_no_generation_keeps_no_answer(redis: RunningRedis) -> None:
    async def use(cache: RedisAnswers) -> None:
        slot = await cache.find(b"question", ["a"])
        assert isinstance(slot, Slot)
        await cache._redis.delete(cache._generation("a"))
        with mock.patch.object(cache, "_begun", return_value=[None]):  # evicted as soon as it was there
            assert await cache.find(b"question", ["a"]) is None

    on_redis(redis, use)


def test_a_generation_that_redis_evicts_takes_no_other_along(redis: RunningRedis) -> None:
    async def use(cache: RedisAnswers) -> None:
        before = await cache.find(b"question", ["a", "b"])
        await cache._redis.delete(cache._generation("b"))
        after = await cache.find(b"question", ["a", "b"])
        assert isinstance(before, Slot)
        assert isinstance(after, Slot)
        assert before.generations[0] == after.generations[0]
        assert before.generations[1] != after.generations[1]

    on_redis(redis, use)


def test_an_answer_lives_no_longer_than_the_setting_says_from_the_question_on(redis: RunningRedis) -> None:
    now = [1000.0]

    async def use(cache: RedisAnswers) -> None:
        slot = await cache.find(b"question", ["a"])
        assert isinstance(slot, Slot)
        now[0] += 45  # the database took its time
        await cache.put(slot, ANSWER)
        assert 0 < await cache._redis.pttl(slot.key) <= 15_000
        late = await cache.find(b"another", ["a"])
        assert isinstance(late, Slot)
        now[0] += 60
        await cache.put(late, ANSWER)
        assert isinstance(await cache.find(b"another", ["a"]), Slot)

    on_redis(redis, use, clock=lambda: now[0])


def test_a_generation_outlives_the_answers_that_bear_it(redis: RunningRedis) -> None:
    """Begun by a question or by a change: were it over before them, they would be found anew for nothing."""

    async def use(cache: RedisAnswers) -> None:
        assert isinstance(await cache.find(b"question", ["a"]), Slot)
        assert await cache._redis.ttl(cache._generation("a")) > 60
        await cache.forget(["a"])
        assert await cache._redis.ttl(cache._generation("a")) > 60

    on_redis(redis, use)


def test_an_answer_of_megabytes_is_not_kept(redis: RunningRedis) -> None:
    async def use(cache: RedisAnswers) -> None:
        for size, is_kept in ((2_000_000, True), (2_000_001, False)):
            slot = await cache.find(b"%d" % size, ["a"])
            assert isinstance(slot, Slot)
            await cache.put(slot, KeptAnswer(b"a" * size, []))
            assert isinstance(await cache.find(b"%d" % size, ["a"]), KeptAnswer) is is_kept

    on_redis(redis, use)


async def silent(_keys: list[str]) -> None:
    await asyncio.Event().wait()


def test_a_reader_who_hangs_up_leaves_it_to_the_next_to_find_out_whether_redis_is_back(
    redis: RunningRedis,
) -> None:
    now, asking = [0.0], asyncio.Event()

    async def silence(keys: list[str]) -> None:
        asking.set()
        await silent(keys)

    async def use(cache: RedisAnswers) -> None:
        cache._breaker = Breaker(clock=lambda: now[0])
        cache._breaker.failed()
        now[0] += 100
        with mock.patch.object(cache, "_read", silence):
            reader = asyncio.create_task(cache.find(b"question", ["a"]))
            await asking.wait()
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
        now[0] += 100
        for _ in range(2):
            assert isinstance(await cache.find(b"question", ["a"]), Slot)

    on_redis(redis, use)


async def test_a_reader_waits_no_longer_for_redis_than_the_setting_says() -> None:
    cache = RedisAnswers("redis://127.0.0.1:1", "test", 60, 0.01)
    cache._breaker = Breaker(clock=lambda: 0.0)
    with mock.patch.object(cache, "_read", side_effect=silent) as asked:
        for _ in range(3):
            assert await asyncio.wait_for(cache.find(b"question", ["a"]), 30) is None
    assert asked.call_count == 1, "who has not answered is left alone for a while"


def test_what_another_version_put_there_is_passed_over(redis: RunningRedis) -> None:
    async def use(cache: RedisAnswers) -> None:
        slot = await cache.find(b"question", ["a"])
        assert isinstance(slot, Slot)
        of_today = b'{"generations":["' + slot.generations[0].encode() + b'"],"headers":%b}\n{}'
        headers = (b"null", b"5", b"[]", b'["etag"]', b'{"etag":5}', '{"etag":"☃"}'.encode(),
                   b'{"":"a"}', b'{"a b":"c"}', b'{"etag":"a\\r\\nb: c"}', b'{"content-length":"5"}')  # fmt: skip
        for value in (
            b"",
            b"nonsense",
            b"[]\n{}",
            b"{}\n{}",
            b'{"generations":[""]}\n',
            b'{"generations":[""],"headers":{"etag":"a"}}\n{}',  # when none was a word, too
            *(of_today % h for h in headers),
        ):
            await cache._redis.set(slot.key, value)
            assert isinstance(await cache.find(b"question", ["a"]), Slot)

    on_redis(redis, use)


def test_a_generation_that_is_no_text_is_as_if_redis_had_not_answered(redis: RunningRedis) -> None:
    async def use(cache: RedisAnswers) -> None:
        await cache._redis.set(cache._generation("a"), b"\xff\xfe")
        assert await cache.find(b"question", ["a"]) is None

    on_redis(redis, use)


@pytest.mark.parametrize(
    "said",
    [
        b"*abc",
        b"$xyz",
        b":5",
        b"*0",
        b"*2\r\n:1\r\n:2",
        b"*2\r\n:1\r\n$1\r\na",
        b"*1\r\n$-1",
        b"+OK",
        b"HTTP/1.1 400",
        b"$-1",
        b"_",
    ],
)
async def test_a_server_that_is_no_redis_is_as_if_it_had_not_answered(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while asked := await reader.read(10_000):
                writer.write(b"+OK\r\n" * asked.count(b"CLIENT\r\n"))
                writer.write((said + b"\r\n") * (b"CLIENT\r\n" not in asked))

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        cache = RedisAnswers(f"redis://127.0.0.1:{port}", "test", 60, 1.0)
        try:
            assert await cache.find(b"question", ["a"]) is None
            assert await cache.find(b"question", ["a"]) is None
            with pytest.raises(Transient, match="Redis"):
                await cache.forget(["a"])
        finally:
            await cache.close()


@in_the_main_places
def test_a_redis_that_is_away_costs_no_reader_an_error(
    api: Client, own: CatalogDatabase, redis: RunningRedis
) -> None:
    assert api.get(ITEM)["id"] == "period"
    redis.kill()
    for ask in QUESTIONS.values():
        ask(api)
    redis.start()
    deadline = time.monotonic() + 30
    while not redis.keys():  # found again by itself
        assert api.get(ITEM)["id"] == "period"
        assert time.monotonic() < deadline
    with redis.paused():
        for ask in QUESTIONS.values():
            ask(api)
    rename(own, "after")
    redis.kill()
    with pytest.raises(Transient, match="Redis"):
        tell(own, redis, "edges")
    try:
        assert title(api.get(ITEM)) == "after"
    finally:
        redis.start()


@contextlib.contextmanager
def app_with_kept_answer(
    own: CatalogDatabase, redis: RunningRedis, tmp_path: Path, **settings: str
) -> Iterator[tuple[Client, ServiceBusClient]]:
    """The function app, which keeps an answer that the catalog would not give any more, and its bus."""
    with running_server(Path("contracts/topology.json"), tmp_path / "broker") as broker:
        environment = own.environment(READER) | {
            "STAC_CATALOG_ID": "test",
            "REDIS_URL": redis.url,
            "STAC_API_REDIS_WAIT_MS": PATIENCE_MS,
            "ServiceBus": broker.connection_string,
            **settings,
        }
        with running_host(APP, tmp_path / "state", environment) as host, broker_client(broker) as client:
            host.ready()
            api = Client(f"http://127.0.0.1:{host.port}")
            rename(own, "before")
            tell(own, redis, "edges")
            assert title(api.get(ITEM)) == "before"
            rename(own, "after")
            assert title(api.get(ITEM)) == "before"
            yield api, client
            api.session.close()


def test_events_on_the_topic_empty_the_cache_of_the_function_app(
    own: CatalogDatabase, redis: RunningRedis, tmp_path: Path
) -> None:
    with app_with_kept_answer(own, redis, tmp_path) as (api, client):
        send(client, changed("edges"))
        wait_until(lambda: title(api.get(ITEM)) == "after")


def test_a_change_that_redis_did_not_hear_of_is_told_again(
    own: CatalogDatabase, redis: RunningRedis, tmp_path: Path
) -> None:
    with app_with_kept_answer(own, redis, tmp_path, STAC_API_REDIS_TTL_S="3600") as (api, client):
        with redis.paused():
            send(client, changed("edges"))
            wait_until(lambda: waiting(client) == 1)
        wait_until(lambda: title(api.get(ITEM)) == "after")
        wait_until(lambda: waiting(client) == 0)


def broker_client(broker: RunningServer) -> ServiceBusClient:
    return ServiceBusClient.from_connection_string(broker.connection_string)


def changed(collection: str) -> dict[str, Any]:
    event = example("eventstac.item.changed.v1")
    event["data"]["collection"] = collection
    return event


def send(client: ServiceBusClient, event: dict[str, Any]) -> None:
    with client.get_topic_sender("items-changed") as sender:
        sender.send_messages(ServiceBusMessage(json.dumps(event)))


def waiting(client: ServiceBusClient) -> int:
    """How many messages are there that were sent again."""
    with client.get_subscription_receiver("items-changed", "stac-api") as receiver:
        there = receiver.peek_messages(max_message_count=50)
    return sum(1 for message in there if b"attempt" in (message.application_properties or {}))


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
