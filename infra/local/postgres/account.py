"""The unprivileged account that PostgreSQL runs under, because it refuses to run as root."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """A user to run programs as; None in both fields for the one we are."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        """Give a file or folder to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a program as this account to its end; its output is captured."""
        return subprocess.run(  # noqa: S603  (callers give constants and paths of our own)
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",  # the caller's folder may be one that the account must not enter
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def reaches(self, folder: Path) -> bool:
        """Whether this account can enter a folder: every folder above it counts."""
        return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]).returncode == 0


def unprivileged() -> Account:
    """Ourselves, or, where we are root, `postgres` (the system packages make it) or `nobody`."""
    if os.geteuid() != 0:
        return Account()
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    return Account(65534, 65534)
