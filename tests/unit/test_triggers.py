"""Messages as the triggers give them, whatever their properties are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventstac.azure.triggers import received
from eventstac.bus import ATTEMPT, FIRST_SENT
from eventstac.times import to_text

ENQUEUED = datetime(2024, 5, 1, tzinfo=UTC)


class Delivered:
    def __init__(self, body: bytes = b"{}", message_id: str | None = "m", **properties: Any) -> None:
        self.message_id = message_id
        self.application_properties = properties
        self.enqueued_time_utc = ENQUEUED
        self._body = body

    def get_body(self) -> bytes:
        return self._body


def taken(delivered: Delivered) -> Any:
    return received(delivered, "blob-events", "scanner")  # type: ignore[arg-type]  # the part that is read


@pytest.mark.parametrize("odd", ["often", "", None, -3, 1.5, b"2"])
def test_properties_that_cannot_be_read_make_a_first_attempt(odd: object) -> None:
    properties: dict[str, Any] = {ATTEMPT: odd, FIRST_SENT: odd}
    message = taken(Delivered(**properties))
    assert (message.attempt, message.first_sent) == (1, ENQUEUED)


def test_what_a_property_says_of_the_first_sending_is_not_later_than_this_one() -> None:
    for seconds, sent in ((-60, ENQUEUED - timedelta(seconds=60)), (60, ENQUEUED)):
        properties: dict[str, Any] = {FIRST_SENT: to_text(ENQUEUED + timedelta(seconds=seconds))}
        assert taken(Delivered(**properties)).first_sent == sent


def test_an_attempt_that_nobody_can_have_made_is_bounded() -> None:
    properties: dict[str, Any] = {ATTEMPT: "9" * 4000}
    assert taken(Delivered(**properties)).attempt == 1_000_000


def test_two_messages_without_an_id_are_not_taken_for_one() -> None:
    one, two = taken(Delivered(b"1", None)), taken(Delivered(b"2", None))
    assert one.message_id
    assert one.message_id != two.message_id
