"""What the tests of the catalog's tables begin with."""

from collections.abc import Iterator

import pytest

from eventstac.catalog.database import Connection, connect
from eventstac.catalog.merge import MergeSettings
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.runs import PostgresRuns
from tests.integration.conftest import CatalogDatabase


@pytest.fixture
def empty(database: CatalogDatabase) -> None:
    """No facts and no Items; Collections stay. For `usefixtures`."""
    database.clear()


@pytest.fixture
def connection(database: CatalogDatabase) -> Iterator[Connection]:
    """As the loader, in autocommit."""
    with database.connect() as connection:
        yield connection


@pytest.fixture
def owner(database: CatalogDatabase) -> Iterator[Connection]:
    """As who applies rules, of which there are none yet, and none afterwards."""
    with connect(database.settings) as owner:
        owner.execute("TRUNCATE eventstac.rules")
        yield owner
        owner.execute("TRUNCATE eventstac.rules")


@pytest.fixture
def runs(database: CatalogDatabase) -> Iterator[PostgresRuns]:
    """As the scanner, whose rights must do."""
    database.clear()
    catalog = PostgresCatalog(
        database.as_role("eventstac_scanner"), MergeSettings("scanner", 0), "bronze-tier"
    )
    yield PostgresRuns(catalog.connection)
    catalog.close()
