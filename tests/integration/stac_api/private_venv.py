"""A virtual environment of its own for tools whose dependencies must not meet ours."""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from infra.local.network import tried_again

ROOT = Path(__file__).parents[3]
_TIMEOUT_S = 150  # of each of three attempts: whoever calls this has 900 s for it and for what it does then


def private_venv(*requirements: str) -> Path:
    """The `bin` folder of an environment with these packages; made at the first call, under `.local/venvs`."""
    name = hashlib.sha256(" ".join(requirements).encode()).hexdigest()[:12]
    home = ROOT / ".local" / "venvs" / name
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            uv = [sys.executable, "-m", "uv", "--quiet"]
            subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(home)], check=True)
            # Named outright: `python -m uv` would otherwise install into the environment that runs it.
            target = ["--python", str(home / "bin" / "python")]
            install = [*uv, "pip", "install", *target, *requirements]
            tried_again(
                lambda: subprocess.run(install, check=True, timeout=_TIMEOUT_S), subprocess.SubprocessError
            )
            (home / "complete").touch()
    return home / "bin"
