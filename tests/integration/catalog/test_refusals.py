"""What PostgreSQL refuses: of the input it is a rejection, of the database's own state it is waited for."""

import select
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import errors

from eventstac.breaker import Breaker
from eventstac.catalog.database import database_failures, open_pool, transaction
from eventstac.catalog.merge import MergeSettings
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.errors import Busy, Rejected, Transient
from eventstac.events import EventRejected
from eventstac.facts import Fact, Match, fact_of
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase, new_database, settings_of
from tests.long_names import long_name
from tests.samples import present, rejected, url_of


@pytest.fixture
def own_database(postgres: RunningPostgres) -> CatalogDatabase:
    return new_database(postgres)


@pytest.fixture
def catalog(database: CatalogDatabase) -> Iterator[PostgresCatalog]:
    opened = catalog_of(database)
    yield opened
    opened.close()


def catalog_of(database: CatalogDatabase, role: str = "eventstac_loader") -> PostgresCatalog:
    return PostgresCatalog(database.as_role(role), MergeSettings("loader", 1), "bronze-tier")


def fact(path: str = "a.tif") -> Fact:
    return fact_of(url_of(path), present(Match("scenes", "a", "b1"), 1, "e"))


def kept(catalog: PostgresCatalog, identity: str) -> tuple[object, ...] | None:
    with catalog.connection() as connection:
        row: tuple[object, ...] | None = connection.execute(
            "SELECT url, detail, event #>> '{note}' FROM eventstac.rejected WHERE id = %s", [identity]
        ).fetchone()
    return row


def test_an_item_id_too_long_for_an_index_is_rejected_and_does_not_look_like_a_database_that_is_away(
    catalog: PostgresCatalog,
) -> None:
    with pytest.raises(Rejected, match="unstorable"):
        catalog.merge([fact_of(url_of("a.tif"), present(Match("scenes", long_name(), "b1"), 1, "e"))])
    catalog.reject("long", EventRejected("s", "r", "d", url_of(long_name()), 1, {"note": "kept"}))
    assert kept(catalog, "long") == (url_of(long_name()), "d", "kept")


def test_half_a_surrogate_pair_in_a_finding_is_rejected(catalog: PostgresCatalog) -> None:
    finding = replace(rejected(Match("scenes", "a", "b1"), 1, "e"), detail="\ud800")
    with pytest.raises(Rejected, match="unstorable"):
        catalog.merge([fact_of(url_of("a.tif"), finding)])


def test_a_rejection_with_nul_characters_is_kept(catalog: PostgresCatalog) -> None:
    event = {"note": "a\x00b", "path": "C:\\u0000"}
    catalog.reject("nul", EventRejected("s", "r", "d\x00", "http://x/\x00", 1, event))
    assert kept(catalog, "nul") == ("http://x/\ufffd", "d\ufffd", "a\ufffdb")


def test_a_database_that_is_not_set_up_yet_is_waited_for(postgres: RunningPostgres) -> None:
    empty = CatalogDatabase(settings_of(postgres.create_database("not_set_up")), {})
    opened = PostgresCatalog(empty.settings, MergeSettings("loader", 1), "bronze-tier")
    with pytest.raises(Transient, match="eventstac setup"):
        opened.merge([fact()])
    opened.close()


def test_a_database_that_takes_no_writes_is_waited_for(own_database: CatalogDatabase) -> None:
    """As on a standby, or where the disk is nearly full."""
    with psycopg.connect(own_database.settings.conninfo, autocommit=True) as connection:
        name = own_database.settings.database
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    opened = catalog_of(own_database)
    with pytest.raises(Transient, match="read-only"):
        opened.merge([fact()])
    opened.close()


def test_a_right_that_is_missing_is_waited_for(database: CatalogDatabase) -> None:
    opened = catalog_of(database, "eventstac_scanner")
    with pytest.raises(Transient, match="permission denied"):
        opened.merge([fact()])
    opened.close()


def test_rules_of_a_newer_version_reject_no_message(own_database: CatalogDatabase) -> None:
    with own_database.connect("eventstac_operator") as connection:
        connection.execute(
            "INSERT INTO eventstac.rules (revision, digest, extractor, text) "
            "VALUES (9, 'x', 1, 'field_of_the_future: 1')"
        )
    opened = catalog_of(own_database)
    with pytest.raises(Transient, match=r"(?s)this version cannot read .* Upload a file that it can read"):
        opened.merge([fact()])
    opened.close()


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            errors.OutOfMemory("out of shared memory\nHINT:  Raise."),
            r"memory\. Shared.*max_locks_per_transaction",
        ),
        (errors.DiskFull("could not extend file"), "more storage"),
        (
            errors.ConfigurationLimitExceeded("temporary file size exceeds"),
            "limit of the server that it names",
        ),
        (
            errors.TransactionTimeout("terminating connection due to transaction timeout"),
            "transaction timeout",
        ),
        (errors.IdleInTransactionSessionTimeout("terminating connection due to idle"), "cannot do it now"),
    ],
)
def test_a_database_that_does_not_do_one_thing_does_not_look_like_one_that_is_away(
    error: psycopg.Error, advice: str
) -> None:
    breaker = Breaker()
    with pytest.raises(Busy, match=advice), breaker.guard(), database_failures():
        raise error
    assert not breaker.is_open
    with pytest.raises(Transient), breaker.guard(), database_failures():
        raise errors.TooManyConnections("sorry")
    assert breaker.is_open


@pytest.mark.parametrize("limit", ["transaction_timeout", "idle_in_transaction_session_timeout"])
def test_a_transaction_that_the_server_ends_is_busy_and_the_next_one_goes(
    own_database: CatalogDatabase, limit: str
) -> None:
    with own_database.connect() as connection:
        if connection.info.server_version < 170_000 and limit == "transaction_timeout":
            pytest.skip("PostgreSQL has transaction_timeout from 17 on")
    with open_pool(own_database.as_role("eventstac_loader")) as pool:
        with pytest.raises(Busy, match="terminating connection"), transaction(pool) as connection:
            connection.execute(f"SET LOCAL {limit} = '50ms'")
            select.select([connection.fileno()], [], [], 30)  # until the server says that it has ended it
            connection.execute("SELECT 1")
        with transaction(pool) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
