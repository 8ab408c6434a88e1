"""Where the sample apps are, and hosts that run them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.functions_host.testing import RunningHost, running_host

APPS = Path(__file__).parent / "apps"
SETTINGS = {"FUNCTIONS_KEY": "s3cret"}


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """The web app, run for the whole session: for tests that leave it as it was."""
    with running_host(APPS / "web", tmp_path_factory.mktemp("web"), SETTINGS) as host:
        yield host.ready()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"
