"""What the database says when it fails, in the API's words."""

import logging
import ssl

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from eventstac.errors import Transient
from stac_api.errors import BadRequest, Full, TooSlow, Unavailable
from stac_api.pool import AllLent

_log = logging.getLogger("stac_api")

# How a connection says that it is no more.
CUT = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
)
_TLS_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)  # the same within TLS
# What a client's filter may provoke: data exceptions, text against number and whatever else has no meaning as SQL,
# geometries that PostGIS refuses.
_CLIENT_FAULTS = (
    asyncpg.DataError,
    asyncpg.SyntaxOrAccessError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.InternalServerError,
    asyncpg.FeatureNotSupportedError,
    UnicodeDecodeError,  # such an error, whose text ends within a character: asyncpg cannot read it
)
# What the server has no room for (class 53), beside connections: locks, memory, files.
_EXHAUSTED = (asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError)
# Somebody else changes what is read: it passes.
_IN_THE_WAY = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError)
_NO_PGSTAC = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
)

_OTHER_TLS = (
    "The API cannot connect to the catalog's database as it is told to: look at POSTGRES_SSLMODE and, where it "
    "verifies, at the root certificate (PGSSLROOTCERT)."
)

# What only who runs the API can mend, and how. They read it in the answer of `/_mgmt/health`, too.
_MENDED_BY_US: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (
        _NO_PGSTAC,
        "The catalog's database has no pgstac that the API may read: run `eventstac setup`, or look at POSTGRES_DB and "
        "PGSTAC_SCHEMA.",
    ),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "The catalog's database does not let the API in: look at POSTGRES_USER and POSTGRES_PASS (or the role of its "
        "identity); `eventstac setup` makes the user.",
    ),
    (
        asyncpg.InvalidCatalogNameError,
        "The server has no such database: look at POSTGRES_DB, or run `eventstac setup`.",
    ),
    (asyncpg.exceptions.ClientConfigurationError, _OTHER_TLS),
    (
        asyncpg.UndefinedFileError,
        "The catalog's database lacks a file of its own: look at the server's log, and restore it from its backup.",
    ),
    (Transient, "The API gets no token for the catalog's database; try again shortly."),
)


class Refused(Exception):
    """The database cannot run a query: the fault of the client whose filter is in it, if one is, else ours.

    `sentence` is what pgstac says about the filter, where it says something; `lacks_function` is whether a function or
    an operator is not there.
    """

    def __init__(self, sentence: str | None, *, lacks_function: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.lacks_function = lacks_function

    def as_fault_of(self, parameter: str) -> BadRequest:
        """The error to answer, when the client's parameter is in the query."""
        plain = "a value cannot be compared with its property, or a geometry is not valid"
        return BadRequest(parameter, self.sentence or plain)


def is_of_a_statement(error: Exception) -> bool:
    """Whether the database refused or broke off what was asked, over a connection that works."""
    return isinstance(error, asyncpg.PostgresError | UnicodeDecodeError) and not isinstance(error, CUT)


def in_our_words(error: Exception) -> Exception:
    """Our error for a database's; one that nobody foresaw stays as it is."""
    if sentence := _mended_by_us(error):
        _log.error("database_unusable", extra={"reason": repr(error)})
        return Unavailable(sentence)
    if isinstance(error, asyncpg.QueryCanceledError):
        return too_slow()
    if isinstance(error, asyncpg.RaiseError):
        return Refused(str(error.args[0]) if error.args else None)
    if isinstance(error, _CLIENT_FAULTS):
        _log.info("query_refused", extra={"sqlstate": getattr(error, "sqlstate", None)})
        return Refused(None, lacks_function=isinstance(error, asyncpg.UndefinedFunctionError))
    if isinstance(error, AllLent):
        _log.warning("connections_busy", extra={"waited_s": error.waited_s})
        return Unavailable("All connections to the catalog's database are busy; try again shortly.")
    if isinstance(error, (*CUT, TimeoutError, OSError)):
        _log.warning("database_away", extra={"reason": repr(error)})
        return Unavailable("The catalog's database does not answer; try again shortly.")
    if isinstance(error, asyncpg.CannotConnectNowError | asyncpg.TooManyConnectionsError):
        _log.warning("database_away", extra={"reason": repr(error)})
        kind = Full if isinstance(error, asyncpg.TooManyConnectionsError) else Unavailable
        return kind("The catalog's database is starting or busy; try again shortly.")
    if isinstance(error, _EXHAUSTED):
        _log.error("database_exhausted", extra={"reason": repr(error), "hint": getattr(error, "hint", None)})
        return Unavailable("The catalog's database lacks memory or disk for this now; try again shortly.")
    if isinstance(error, _IN_THE_WAY):
        _log.warning("query_rolled_back", extra={"reason": repr(error)})
        return Unavailable("The catalog's database broke the query off for a change; try again shortly.")
    return error


def _mended_by_us(error: Exception) -> str | None:
    """How to mend what does not pass by itself."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, _TLS_CUT):
        return _OTHER_TLS
    # asyncpg has no kind of error for a server without TLS
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
        return _OTHER_TLS
    return next((sentence for kinds, sentence in _MENDED_BY_US if isinstance(error, kinds)), None)


def no_pgstac() -> Unavailable:
    """Functions of pgstac are missing."""
    _log.error("database_unusable", extra={"reason": "it lacks functions of pgstac"})
    return Unavailable(_MENDED_BY_US[0][1])


def too_slow() -> TooSlow:
    """The database took longer than it may."""
    return TooSlow("The query took too long: narrow it by bbox, datetime or collections, or lower the limit.")
