import sqlite3
from pathlib import Path
from typing import Any

import pytest

from infra.local.eventgrid.group_commit import GroupCommit


async def test_a_job_that_fails_undoes_only_itself(tmp_path: Path) -> None:
    commits = GroupCommit(tmp_path / "a.sqlite", "CREATE TABLE t (n INTEGER PRIMARY KEY)", power_loss=False)

    def insert(*numbers: int) -> Any:
        return commits.submit(
            lambda db: [db.execute("INSERT INTO t VALUES (?)", (each,)) for each in numbers]
        )

    jobs = [insert(1, 2), insert(3, 1), insert(4)]
    await jobs[0]
    with pytest.raises(sqlite3.IntegrityError):
        await jobs[1]
    await jobs[2]
    found = await commits.submit(lambda db: db.execute("SELECT n FROM t ORDER BY n").fetchall())
    await commits.close()
    assert found == [(1,), (2,), (4,)]
