"""A thing that is made once, when it is asked for or ahead of that."""

import logging
from threading import Event, Thread

import pytest

from eventstac.once import ahead, once


def test_who_asks_while_it_is_made_ahead_waits_for_it_and_gets_the_same() -> None:
    begun, goes_on = Event(), Event()

    @once
    def made() -> object:
        begun.set()
        assert goes_on.wait(60)
        return object()

    making = ahead(made)
    assert begun.wait(60)
    found: list[object] = []
    asking = ahead(lambda: found.append(made()))
    goes_on.set()
    for thread in (making, asking):
        thread.join(60)
    assert found == [made()]


def test_what_cannot_be_made_ahead_is_told_and_made_by_who_asks(caplog: pytest.LogCaptureFixture) -> None:
    left = ["the broker is away"]

    @once
    def made() -> str:
        if left:
            raise OSError(left.pop())
        return "made"

    with caplog.at_level(logging.WARNING, "eventstac"):
        ahead(made).join(60)
    (record,) = caplog.records
    assert (record.message, record.__dict__["detail"]) == ("opening_failed", "OSError('the broker is away')")
    assert made() == "made"


def test_where_there_is_no_room_for_a_thread_who_asks_makes_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def start(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", start)
    made = once(lambda: "made")
    with caplog.at_level(logging.WARNING, "eventstac"):
        ahead(made)
    assert [record.message for record in caplog.records] == ["opening_failed"]
    assert made() == "made"
