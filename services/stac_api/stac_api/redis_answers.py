"""Kept answers in Redis, behind a breaker: a Redis that is away or slow costs nothing but speed."""

import asyncio
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import lru_cache
from typing import cast

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from eventstac.breaker import Breaker
from eventstac.errors import Transient
from stac_api.hot_answers import EVERY, KeptAnswer, Slot

_log = logging.getLogger("stac_api")

_FORGET_WAIT_S = 2.0  # nobody waits for that
_MOST_BYTES = 2_000_000  # of one answer: a larger one pushes out hundreds of small ones
_GENERATIONS_OUTLIVE_S = 86_400  # the answers that bear them: these end with a generation, too
_NAME = re.compile(r"[a-z][a-z-]*")
_OF_SENDING = frozenset({"content-length", "transfer-encoding"})  # told when an answer is sent


class RedisAnswers:
    """Answers of one catalog in one Redis.

    Each collection has a generation, a random word that changes with it. An answer is kept with the generations that
    its collections had *before* it was looked up in the database, and is good only while they are the same: one that
    was looked up before a change and put after it is never found. A collection without a generation, which may have
    been evicted, gets a new one before anything is looked up. An answer lives at most `ttl_s` seconds from the question
    on, even if a change is never told. A reader waits no longer than `wait_s` for Redis.
    """

    def __init__(
        self,
        url: str,
        catalog: str,
        ttl_s: float,
        wait_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=_FORGET_WAIT_S,
            socket_connect_timeout=_FORGET_WAIT_S,
            retry=Retry(NoBackoff(), 1),  # a connection that was cut while it was idle
        )
        # In braces: what is asked for together lies together, in a cluster too.
        self._prefix = f"{{eventstac:{hashlib.sha256(catalog.encode()).hexdigest()[:12]}}}:"
        self._ttl_s = ttl_s
        self._generations_live_s = int(ttl_s) + _GENERATIONS_OUTLIVE_S
        self._wait_s = wait_s
        self._clock = clock
        self._breaker = Breaker(longest_s=10.0)

    async def find(self, question: bytes, collections: Sequence[str]) -> KeptAnswer | Slot | None:
        """The kept answer, or where to put it; None where Redis does not answer."""
        asked = self._clock()
        key = f"{self._prefix}answer:{hashlib.sha256(question).hexdigest()}"
        keys = [key, *(self._generation(name) for name in collections)]
        found = await self._guarded(lambda: self._read(keys))
        if found is None:
            return None
        packed, generations = found
        kept = _unpacked(packed, generations) if packed else None
        return kept or Slot(key, generations, asked)

    async def put(self, slot: Slot, answer: KeptAnswer) -> None:
        """Keep an answer, which came from the database after its slot was found."""
        left_ms = int((self._ttl_s - (self._clock() - slot.asked)) * 1000)
        if left_ms > 0 and len(answer.body) <= _MOST_BYTES:
            packed = _packed(answer, slot.generations)
            await self._guarded(lambda: self._redis.set(slot.key, packed, px=left_ms))

    async def forget(self, collections: Collection[str]) -> None:
        """Begin new generations: nothing that was made from these collections is found any more.

        Raises Transient where Redis does not answer.
        """
        try:
            async with asyncio.timeout(_FORGET_WAIT_S), self._redis.pipeline() as together:
                for name in {*collections, EVERY}:
                    together.set(self._generation(name), secrets.token_hex(8), ex=self._generations_live_s)
                await together.execute()
        except Exception as error:
            raise Transient(f"Redis does not take that answers are to be forgotten: {error!r}") from error

    async def close(self) -> None:
        """Let the connections go."""
        await self._redis.aclose()

    def _generation(self, collection: str) -> str:
        return f"{self._prefix}generation:{collection}"

    async def _read(self, keys: list[str]) -> tuple[bytes | None, tuple[str, ...]] | None:
        """What is kept, and the generations; None where Redis keeps none. Raises whatever comes of a wrong answer."""
        packed, *words = cast(list[bytes | None], await self._redis.mget(keys))  # text is not decoded
        if not isinstance(packed, bytes | None):
            raise TypeError(f"Redis keeps {packed!r} where a text should be")
        if not all(words):
            words = await self._begun(keys[1:])
        named = tuple([word.decode() for _, word in zip(keys[1:], words, strict=True) if word])
        return (packed, named) if len(named) == len(words) else None

    async def _begun(self, generations: list[str]) -> list[bytes | None]:
        """The generations' words; those that have none get one, that no answer can bear."""
        async with self._redis.pipeline() as together:
            for name in generations:
                together.set(name, secrets.token_hex(8), nx=True, ex=self._generations_live_s)
            together.mget(generations)
            words: list[bytes | None] = (await together.execute())[-1]
        return words

    async def _guarded[T](self, ask: Callable[[], Awaitable[T]]) -> T | None:
        try:
            self._breaker.enter()
        except Transient:
            return None
        try:
            async with asyncio.timeout(self._wait_s):
                answered = await ask()
        except Exception as error:  # noqa: BLE001  (whatever it said or did: the database answers)
            self._breaker.failed()
            _log.warning("redis_unanswered", extra={"reason": repr(error)})
            return None
        except BaseException:
            self._breaker.failed()  # a reader who hung up has learnt nothing
            raise
        self._breaker.succeeded()
        return answered


def _packed(answer: KeptAnswer, generations: tuple[str, ...]) -> bytes:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
    return orjson.dumps({"generations": generations, "headers": headers}) + b"\n" + answer.body


def _unpacked(packed: bytes, generations: tuple[str, ...]) -> KeptAnswer | None:
    """The answer, if it is of these generations; None also for what another version of the API has put there."""
    head, _, body = packed.partition(b"\n")
    try:
        about = orjson.loads(head)
        if tuple(about["generations"]) != generations:
            return None
        named = about["headers"]
        if not (_are_names(tuple(named)) and "".join(named.values()).isprintable()):
            return None
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    except (ValueError, KeyError, TypeError, AttributeError):  # JSON's and the encoding's are ValueErrors
        return None
    return KeptAnswer(body, headers)


@lru_cache(32)
def _are_names(names: tuple[str, ...]) -> bool:
    """Whether an answer can have headers of these names; most have the same."""
    return all(_NAME.fullmatch(name) and name not in _OF_SENDING for name in names)
