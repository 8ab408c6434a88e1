"""A database that is known to be away is touched by no function, whatever it consumes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from eventstac.breaker import Breaker
from eventstac.bus import Message
from eventstac.catalog.guarded import GuardedCatalog, guarded
from eventstac.errors import Transient
from eventstac.facts import Fact, Match, fact_of
from eventstac.publishing import publish_outbox
from tests.samples import present, url_of
from tests.twins.apps import RULES, Pipeline, scene
from tests.twins.bus import MemoryBus
from tests.twins.catalog import MemoryCatalog


class CountingCatalog(MemoryCatalog):
    """Counts how often it is asked."""

    asked = 0

    def answer(self) -> None:
        self.asked += 1
        super().answer()


def fact(number: int) -> Fact:
    finding = present(Match("scenes", f"s{number}", "b1", rule="scenes"), 1, "e1")
    return fact_of(scene(f"s{number}", "b1"), finding)


def pipeline_with_messages() -> tuple[Pipeline, CountingCatalog, dict[str, Message]]:
    """One message of each topic whose consumer needs the database."""
    pipeline = Pipeline()
    catalog = CountingCatalog(RULES, clock=pipeline.now)
    clock = lambda: pipeline.now().timestamp()  # noqa: E731
    pipeline.catalog, pipeline.guarded = catalog, GuardedCatalog(catalog, Breaker(clock=clock))
    event = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.run(event, pipeline.storage_event("no URL", "Microsoft.Storage.BlobCreated"))
    by_topic = {message.topic: message for message in pipeline.bus.sent}
    by_topic["blob-events"] = event
    by_topic["scan-requests"] = pipeline.scan()
    by_topic["cog-events"] = pipeline.cog_completed(scene("a", "b1"), url_of("b1_cog.tif", "cogs"))
    return pipeline, catalog, by_topic


@pytest.mark.parametrize(
    "topic", ["blob-events", "scan-requests", "asset-facts", "cog-events", "items-changed", "rejected"]
)
def test_the_next_message_does_not_touch_a_database_that_is_away(topic: str) -> None:
    pipeline, catalog, by_topic = pipeline_with_messages()
    catalog.is_away = True
    pipeline.deliver(by_topic[topic])
    asked = catalog.asked
    sent = len(pipeline.bus.to(topic))
    for _ in range(3):
        pipeline.deliver(by_topic[topic])
    assert catalog.asked == asked
    assert len(pipeline.bus.to(topic)) == sent + 3  # each waits


def test_a_database_that_was_away_gets_one_fact_first() -> None:
    now, batches = [0.0], list[int]()

    class Merging(MemoryCatalog):
        def merge(self, facts):  # type: ignore[no-untyped-def]
            batches.append(len(facts))
            return super().merge(facts)

    catalog = Merging(RULES)
    use = GuardedCatalog(catalog, Breaker(first_s=1, clock=lambda: now[0]))
    facts = [fact(number) for number in range(3)]
    catalog.is_away = True
    with pytest.raises(Transient):
        use.merge(facts)
    catalog.is_away, now[0] = False, 2.0
    use.merge(facts)
    use.merge(facts)
    assert batches == [3, 1, 3, 3]


def test_a_bus_that_is_away_says_nothing_about_the_database() -> None:
    catalog, bus, breaker = MemoryCatalog(RULES), MemoryBus(), Breaker()
    catalog.merge([fact(1)])
    bus.is_away = True
    assert publish_outbox(GuardedCatalog(catalog, breaker), bus) == 0
    assert not breaker.is_open
    bus.is_away = False
    assert publish_outbox(GuardedCatalog(catalog, breaker), bus) > 0


def test_the_timer_that_publishes_finds_a_database_back() -> None:
    now = [0.0]
    catalog = CountingCatalog(RULES)
    use = GuardedCatalog(catalog, Breaker(first_s=1, clock=lambda: now[0]))
    catalog.is_away = True
    for _ in range(3):
        assert publish_outbox(use, MemoryBus()) == 0
    assert catalog.asked == 1
    catalog.is_away, now[0] = False, 2.0
    publish_outbox(use, MemoryBus())
    assert not use.breaker.is_open


def test_connections_are_behind_the_breaker_too() -> None:
    opened: list[str] = []
    breaker = Breaker()

    @contextmanager
    def connection() -> Iterator[str]:
        opened.append("once")
        raise Transient("away")
        yield ""

    behind = guarded(breaker, connection)
    for _ in range(3):
        with pytest.raises(Transient), behind():
            pytest.fail("there is no connection")
    assert opened == ["once"]


@pytest.mark.parametrize("how", ["publish", "merge", "connection"])
def test_nobody_waits_for_the_whole_work_of_a_probe(how: str) -> None:
    now = [0.0]
    catalog, breaker = MemoryCatalog(RULES), Breaker(first_s=1, clock=lambda: now[0])
    catalog.merge([fact(1)])
    use, answered = GuardedCatalog(catalog, breaker), list[bool]()
    with pytest.raises(Transient), breaker.guard():
        raise Transient("away")
    now[0] = 2.0

    class Slow(MemoryCatalog):
        def merge(self, facts):  # type: ignore[no-untyped-def]
            if len(facts) > 1:
                answered.append(bool(use.rules()))
            return super().merge(facts)

    class Meanwhile(MemoryBus):
        def send(self, messages):  # type: ignore[no-untyped-def]
            answered.append(bool(use.rules()))
            super().send(messages)

    @contextmanager
    def connection() -> Iterator[str]:
        yield ""

    match how:
        case "publish":
            publish_outbox(use, Meanwhile())
        case "merge":
            slow = GuardedCatalog(Slow(RULES), breaker)
            slow.merge([fact(2), fact(3)])
        case _:
            with guarded(breaker, connection)():
                answered.append(bool(use.rules()))
    assert answered
    assert all(answered)
