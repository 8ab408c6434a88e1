"""Why no connection is made: what only who runs the API can mend is not told as what passes by itself."""

import ssl

import pytest

from stac_api.errors import Unavailable
from stac_api.failures import in_our_words


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
