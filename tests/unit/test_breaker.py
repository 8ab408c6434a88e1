"""The circuit breaker asks what is away no more often than it must."""

import pytest

from eventstac.breaker import Breaker
from eventstac.errors import Busy, Rejected, Transient


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: Breaker) -> None:
    with pytest.raises(Transient), breaker.guard():
        raise Transient("away")


def test_after_a_failure_nobody_goes_through_until_its_time_and_then_one_probes() -> None:
    clock = Clock()
    breaker = Breaker(first_s=10, longest_s=60, clock=clock)
    fail(breaker)
    with pytest.raises(Transient) as refused, breaker.guard():
        pytest.fail("went through an open breaker")
    assert refused.value.after_s
    clock.now += 10
    with breaker.guard() as probing:
        assert probing
        with pytest.raises(Transient), breaker.guard():
            pytest.fail("a second one went through beside the probe")
    with breaker.guard() as probing:
        assert not probing


def test_each_failed_probe_waits_longer_up_to_the_limit() -> None:
    clock = Clock()
    breaker = Breaker(first_s=1, longest_s=8, clock=clock)
    for _ in range(6):
        fail(breaker)
        clock.now += 8
    with breaker.guard() as probing:
        assert probing


def test_a_rejection_is_an_answer_and_does_not_open_it() -> None:
    breaker = Breaker(clock=Clock())
    with pytest.raises(Rejected), breaker.guard():
        raise Rejected("bad", "bad")
    with breaker.guard() as probing:
        assert not probing


def test_many_that_fail_together_open_it_once() -> None:
    clock = Clock()
    breaker = Breaker(first_s=1, longest_s=60, clock=clock)
    for _ in range(16):
        assert breaker.enter() is False
    for _ in range(16):
        breaker.failed()
    clock.now += 1
    assert breaker.enter() is True
    breaker.failed()
    clock.now += 2
    with breaker.guard() as probing:
        assert probing


def test_what_is_held_by_somebody_answers() -> None:
    breaker = Breaker(clock=Clock())
    with pytest.raises(Busy), breaker.guard():
        raise Busy("locked")
    with breaker.guard() as probing:
        assert not probing
