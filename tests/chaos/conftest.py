"""A stack of its own for each file here: what happens in it would disturb the other end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.tapped import tapped_stack
from tests.e2e.user import User


@pytest.fixture(scope="module")
def stormy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A user of it."""
    directory: Path = tmp_path_factory.mktemp("chaos")
    with tapped_stack(directory) as stack, User.of(stack) as user:
        yield user
