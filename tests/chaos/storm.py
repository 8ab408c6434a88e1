"""One storm over a stack: people work while processes are killed; then the catalog must be what the storage holds."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.chaos.deeds import Blob, Gate, Person, blobs_of
from tests.chaos.echo import Echo
from tests.chaos.kills import Killer
from tests.chaos.oracle import collection_differences, differences, storage_of
from tests.e2e.user import User

_PEOPLE = 4

# What waits longest was tried a dozen times: its next attempt is at most five minutes away, and so is the one after
# that, where the first still met an open breaker.
SETTLE_S = 660.0


@dataclass
class Log:
    """What happened, and when; the trace of a run that failed."""

    began: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list)
    say: Callable[[str], None] = lambda _: None

    def __call__(self, line: str) -> None:
        stamped = f"{time.monotonic() - self.began:7.2f} {line}"
        self.lines.append(stamped)
        self.say(stamped)


@dataclass(frozen=True)
class Weather:
    """How a storm is: repeated by its seed, as far as processes repeat; at least so many blobs are uploaded.

    People work until every process was killed once, however fast the machine is, and `least_s` seconds at least.
    """

    seed: int
    blobs: int
    least_s: float = 0.0

    @property
    def prefix(self) -> str:
        """How the ids of its Items begin."""
        return f"storm-{self.seed}-"


@dataclass(frozen=True)
class Outcome:
    """What a storm left: sentences about everything that is not as it must be.

    `uploaded` is how many different blobs there ever were in the source container, `blobs` how many there are at last.
    """

    problems: list[str]
    uploaded: int
    kills: int
    echoes: int
    items: int
    blobs: int
    settled_s: float


def rage(user: User, weather: Weather, log: Log) -> Outcome:
    """Let it rage, wait until all is quiet, and compare."""
    dice = random.Random(weather.seed)
    gate, stop = Gate(), threading.Event()
    killer = Killer(user, gate, random.Random(dice.random()), log)
    echo = Echo(user, random.Random(dice.random()), log)
    items = blobs_of(weather.prefix, weather.blobs, random.Random(dice.random()))
    with ThreadPoolExecutor(_PEOPLE + 2) as pool:
        killing, echoing = pool.submit(killer.work, stop), pool.submit(echo.work, stop)
        people = [Person(user, gate, random.Random(dice.random()), log) for _ in range(_PEOPLE)]
        busy: list[Future[None]] = []
        for number, person in enumerate(people):
            theirs = [blob for item in items[number::_PEOPLE] for blob in item]
            busy.append(pool.submit(_keep_busy, person, theirs, weather, log, killer, killing))
        try:
            for done in busy:
                done.result()
        finally:
            stop.set()
            killing.result()
            echoing.result()
    log("calm")
    began = time.monotonic()
    user.quiet(SETTLE_S)
    settled_s = time.monotonic() - began
    log(f"quiet after {settled_s:.0f} s")
    storage = storage_of(user, weather.prefix)
    return Outcome(
        problems=_problems(user, weather, log),
        uploaded=len({blob for person in people for blob in person.uploaded}),
        kills=killer.kills,
        echoes=echo.repeated,
        items=len({item for item, _ in storage.sources}),
        blobs=len(storage.sources) + len(storage.cogs),
        settled_s=settled_s,
    )


def _keep_busy(
    person: Person, blobs: list[Blob], weather: Weather, log: Log, killer: Killer, killing: Future[None]
) -> None:
    """Go on as long as the storm has to last, but not once the killer failed."""
    while True:
        person.work(blobs, threading.Event())
        lasted = killer.rounds and time.monotonic() - log.began > weather.least_s
        if lasted or killing.done():
            return


def _problems(user: User, weather: Weather, log: Log) -> list[str]:
    storage = storage_of(user, weather.prefix)
    found = list(user.client.search(collections=["scenes"], limit=500).items_as_dicts())
    items = {item["id"]: item for item in found if item["id"].startswith(weather.prefix)}
    problems = differences(storage, items)
    problems += collection_differences(user.collection("scenes") or {}, found)
    rows = user.stack.query(
        "SELECT id FROM pgstac.items WHERE starts_with(id, %s) GROUP BY id HAVING count(*) > 1",
        weather.prefix,
    )
    problems += [f"{item}: more than one row in pgstac" for (item,) in rows]
    problems += _unexplained(user, weather)
    told = {event["data"].get("item") for event in user.seen("catalog-events")}
    problems += [f"{item}: the world was never told of it" for item in sorted(items.keys() - told)]
    log(f"{len(items)} Items, {len(problems)} problems")
    return problems


def _unexplained(user: User, weather: Weather) -> list[str]:
    """Rejections that a user would have to ask about: nothing but a COG whose source or blob was gone or spoilt."""
    rows = user.stack.query(
        "SELECT stage, reason, detail, url FROM eventstac.rejected WHERE event::text LIKE %s",
        f"%{weather.prefix}%",
    )
    explained = {("cog-events/cog-updater", "not-a-raster")}
    return [
        f"rejected at {stage}: {reason}: {detail} ({url})"
        for stage, reason, detail, url in rows
        if (stage, reason) not in explained
    ]
