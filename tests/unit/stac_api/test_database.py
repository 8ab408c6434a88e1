import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from stac_api.database import _come_to_rest


class Connection:
    """One that takes a statement, or fails at it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error, self.asked, self.is_ended = error, "", False

    async def execute(self, statement: str, timeout: float) -> None:
        assert timeout > 0
        self.asked = statement
        if self.error is not None:
            raise self.error

    def terminate(self) -> None:
        self.is_ended = True


async def test_a_connection_that_comes_to_rest_is_kept() -> None:
    connection = Connection(None)
    await _come_to_rest(connection, "ROLLBACK")
    assert (connection.asked, connection.is_ended) == ("ROLLBACK", False)


@pytest.mark.parametrize("error", [asyncpg.InterfaceError("closed"), TimeoutError(), ConnectionResetError()])
async def test_one_that_does_not_is_ended_and_why_the_query_ended_is_still_told(error: Exception) -> None:
    connection = Connection(error)
    await _come_to_rest(connection, "ROLLBACK")
    assert connection.is_ended


async def test_one_that_is_cancelled_once_more_is_ended() -> None:
    connection = Connection(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        await _come_to_rest(connection, "ROLLBACK")
    assert connection.is_ended
