"""What the loader's timer tells of queues and catalog."""

from dataclasses import dataclass, field
from datetime import timedelta

from eventstac.azure.peeking import Backlog
from eventstac.catalog.overview import CollectionStatus, Overview
from eventstac.telemetry.figures import FIGURES
from eventstac.telemetry.spans import Span
from loader.standing import tell_catalog, tell_queues
from tests.samples import START


@dataclass
class Listener:
    is_on: bool = True
    figures: dict[tuple[str, ...], float] = field(default_factory=dict)

    def record(self, span: Span) -> None:
        raise AssertionError(span)

    def measure(self, figure: str, value: float, **attributes: str) -> None:
        assert FIGURES[figure].kind == "gauge"
        self.figures[figure, *attributes.values()] = value

    def close(self) -> None:
        """Nothing is kept back."""


def test_every_subscription_is_told_of_the_empty_ones_too() -> None:
    listener = Listener()
    since = START - timedelta(minutes=20)
    waiting = [Backlog("a", "x", 3, since, 2), Backlog("b", "y", 0, None, 0)]
    tell_queues(waiting, listener, START)
    assert listener.figures["eventstac.queue.oldest_age", "a", "x"] == 1200
    assert listener.figures["eventstac.queue.oldest_age", "b", "y"] == 0
    assert listener.figures["eventstac.queue.dead_letters", "a", "x"] == 2
    assert listener.figures["eventstac.queue.messages", "a", "x"] == 3


def test_completeness_is_of_all_items_of_a_collection_and_an_empty_one_is_complete() -> None:
    listener = Listener()
    collections = (CollectionStatus("half", published=1, incomplete=1), CollectionStatus("none", gone=4))
    rejected = (("s", "r", 2, START), ("s", "q", 1, START))
    since = START - timedelta(seconds=9)
    tell_catalog(Overview(1, collections, (), rejected, 1, since, None), listener, START)
    assert listener.figures == {
        ("eventstac.completeness", "half"): 50,
        ("eventstac.completeness", "none"): 100,
        ("eventstac.rejections",): 3,
        ("eventstac.outbox.oldest_age",): 9,
    }
