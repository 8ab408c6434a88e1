"""Where the PostgreSQL server programs are."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.local.postgres.errors import PostgresUnavailable

# Debian and Ubuntu, the PGDG packages of Fedora and friends, Homebrew on both kinds of Mac.
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """The folder of one PostgreSQL version's programs."""

    folder: Path

    @property
    def initdb(self) -> str:
        """The program that makes a cluster."""
        return str(self.folder / "initdb")

    @property
    def postgres(self) -> str:
        """The server."""
        return str(self.folder / "postgres")

    def has_postgis(self) -> bool:
        """Whether PostGIS is installed for this version."""
        answer = subprocess.run(  # noqa: S603  (a program of the folder we were given)
            [str(self.folder / "pg_config"), "--sharedir"], capture_output=True, text=True, check=False
        )
        shared = Path(answer.stdout.strip() or self.folder.parent / "share")
        return (shared / "extension" / "postgis.control").exists()


def find_binaries() -> Binaries:
    """The newest installed PostgreSQL that has PostGIS.

    Raises PostgresUnavailable with what to install.
    """
    found = [Binaries(folder) for folder in _folders() if (folder / "initdb").exists()]
    for binaries in found:
        if binaries.has_postgis():
            return binaries
    what = "PostgreSQL is not installed"
    if found:
        what = f"PostGIS is not installed for the PostgreSQL in {found[0].folder}"
    raise PostgresUnavailable(
        f"{what}. Run scripts/bootstrap, or install both "
        "(Debian and Ubuntu: apt-get install postgresql-postgis; macOS: brew install postgresql@17 postgis)."
    )


def _folders() -> list[Path]:
    def version(folder: Path) -> float:
        digits = "".join(c for c in folder.parent.name if c.isdigit() or c == ".")
        return float(digits) if digits.replace(".", "", 1).isdigit() else 0.0

    folders = [folder for pattern in _PLACES for folder in Path("/").glob(pattern.lstrip("/"))]
    folders.sort(key=version, reverse=True)
    on_path = shutil.which("initdb", path=os.environ.get("PATH"))
    return folders + ([Path(on_path).resolve().parent] if on_path else [])
