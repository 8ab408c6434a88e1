"""What tests of more than one part share: the whole laptop stack, started once."""

from collections.abc import Iterator

import pytest

from infra.local.stack.testing import Stack, running_stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that run side by side keep together by file, and all that need the stack share the one."""
    for item in items:
        needs_stack = "stack" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("stack" if needs_stack else str(item.path)))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All five apps on the real parts, on ports of their own; starting it takes about 20 s.

    Every test leaves all processes running, and uses blob names of its own.
    """
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
