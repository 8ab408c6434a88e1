"""Why no connection is made: what only who runs the API can mend is not told as what passes by itself."""

import ssl

import asyncpg  # type: ignore[import-untyped]
import pytest

from stac_api.errors import Unavailable
from stac_api.failures import in_our_words
from stac_api.pool import AllLent


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError('PostgreSQL server at "db:5432" rejected SSL upgrade'),
        ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate"),
        ssl.SSLError(1, "wrong version number"),
    ],
)
def test_tls_that_can_never_be_is_no_matter_of_time(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    told = in_our_words(error)
    assert isinstance(told, Unavailable)
    assert "POSTGRES_SSLMODE" in told.description
    assert "PGSSLROOTCERT" in told.description
    assert [record.message for record in caplog.records] == ["database_unusable"]


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError(111, "refused"), ConnectionResetError(104, "reset"), ssl.SSLEOFError(8, "the end"),
     OSError(113, "No route to host"), TimeoutError("waited")],
)  # fmt: skip
def test_a_database_that_does_not_answer_is_told_with_its_reason_in_the_log(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    told = in_our_words(error)
    assert isinstance(told, Unavailable)
    assert told.description.endswith("does not answer; try again shortly.")
    (record,) = caplog.records
    assert record.message == "database_away"
    assert record.__dict__["reason"] == repr(error)


@pytest.mark.parametrize(
    "error", [asyncpg.CannotConnectNowError("starting"), asyncpg.TooManyConnectionsError("53300")]
)
def test_a_database_that_takes_no_connection_is_told_in_the_log(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(in_our_words(error), Unavailable)
    assert [record.message for record in caplog.records] == ["database_away"]


def test_connections_that_are_all_busy_are_no_database_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    told = in_our_words(AllLent(10.0))
    assert isinstance(told, Unavailable)
    assert told.description == "All connections to the catalog's database are busy; try again shortly."
    (record,) = caplog.records
    assert record.message == "connections_busy"
    assert record.__dict__["waited_s"] == 10.0


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.OutOfMemoryError(
            "out of shared memory"
        ),  # of locks: it may have thousands, the next query none
        asyncpg.DiskFullError("no space left on device"),
        asyncpg.ConfigurationLimitExceededError("53400"),
        asyncpg.PostgresIOError("could not read block 0"),
    ],
)
def test_a_database_that_lacks_room_is_no_error_of_ours(
    error: asyncpg.PostgresError, caplog: pytest.LogCaptureFixture
) -> None:
    error.hint = 'You might need to increase "max_locks_per_transaction".'
    told = in_our_words(error)
    assert isinstance(told, Unavailable)
    assert told.description == "The catalog's database lacks memory or disk for this now; try again shortly."
    (record,) = caplog.records
    assert record.message == "database_exhausted"
    assert record.__dict__["reason"] == repr(error)
    assert "max_locks_per_transaction" in record.__dict__["hint"]


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.SerializationError("recovery"),
        asyncpg.DeadlockDetectedError(""),
        asyncpg.LockNotAvailableError(""),
    ],
)
def test_a_query_that_a_change_broke_off_may_be_asked_again(error: asyncpg.PostgresError) -> None:
    told = in_our_words(error)
    assert isinstance(told, Unavailable)
    assert told.description.endswith("try again shortly.")


def test_a_file_of_the_server_that_is_missing_is_no_matter_of_time(caplog: pytest.LogCaptureFixture) -> None:
    told = in_our_words(asyncpg.UndefinedFileError("could not open file"))
    assert isinstance(told, Unavailable)
    assert "restore it" in told.description
    assert [record.message for record in caplog.records] == ["database_unusable"]
