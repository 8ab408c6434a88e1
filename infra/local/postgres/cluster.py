"""One private PostgreSQL cluster: made when missing, started, stopped."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

from infra.local.postgres.account import unprivileged
from infra.local.postgres.binaries import find_binaries
from infra.local.postgres.errors import PostgresUnavailable

SUPERUSER = "eventstac_superuser"
THROW_AWAY = Path("/var/tmp")  # noqa: S108  (mkdtemp makes a private folder in it)
TO_KEEP = Path("/var/lib/eventstac")  # systems clean /var/tmp of what is a month old

START_TIMEOUT_S = 60  # after a crash the server replays its log first
_STOP_TIMEOUT_S = 40  # the guard kills after 30
_POLL_S = 0.05

COMMON = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP only: no socket path to be too long, nothing left in /tmp
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # compiling costs more than pgstac's short statements
}
DURABLE: Mapping[str, str] = COMMON | {"shared_buffers": "128MB", "max_wal_size": "1GB"}
# Nothing survives a power cut, everything a kill of the server: tests do that.
FAST: Mapping[str, str] = COMMON | {"fsync": "off", "full_page_writes": "off"}


def _letters() -> str:
    """A locale that tells upper and lower case of all letters (`C` does of ASCII's), as Azure's databases have one."""
    try:
        listed = subprocess.run(["locale", "-a"], stdout=subprocess.PIPE, text=True, check=False).stdout  # noqa: S607
    except OSError:  # there is no such program
        return "C"
    known = {name.lower().replace("-", ""): name for name in listed.split()}
    return next((known[name] for name in ("c.utf8", "en_us.utf8") if name in known), "C")


class Cluster:
    """A cluster under `directory`, listening on 127.0.0.1:`port` with passwords (no trust).

    Where the account that PostgreSQL runs under cannot enter `directory` (a home folder of root, pytest's
    temporary folders), the data lives in a folder of its own under `elsewhere`; `directory/home` links to it.
    The server ends with this process, however this process ends.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        directory: Path,
        port: int,
        settings: Mapping[str, str] = DURABLE,
        elsewhere: Path = THROW_AWAY,
    ) -> None:
        self.directory = directory.absolute()
        self._elsewhere = elsewhere
        self.port = port
        self._settings = settings
        self.account = unprivileged()
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.directory / "postgres.log"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._running_pid()

    @property
    def superuser_dsn(self) -> str:
        """How to connect as the superuser, to the database `postgres`."""
        return self.dsn(SUPERUSER, self._password_file.read_text(), "postgres")

    def dsn(self, user: str, password: str, database: str) -> str:
        """A libpq URL for a role and a database of this cluster; the password must be URL-safe."""
        return f"postgresql://{user}:{password}@{self.host}:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster if there is none, start the server and wait until it answers.

        Raises PostgresUnavailable with the end of the server's log.
        """
        self.stop()
        self.prepare()
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            already_logged = self.log.stat().st_size if self.log.exists() else 0
            self._launch()
            if self._answers(deadline):
                return
            said = self.log.read_bytes()[already_logged:].decode(errors="replace")
            self.stop()
            # Backends of a killed server need a moment to notice, and hold its shared memory until then.
            if "pre-existing shared memory block" not in said or time.monotonic() > deadline:
                raise PostgresUnavailable(
                    f"PostgreSQL did not start on port {self.port}; {self.log} ends:\n{said[-2000:]}"
                )
            time.sleep(_POLL_S)

    def prepare(self) -> None:
        """Make the cluster if there is none, and clear what a killed server left: then `command` can run."""
        self._prepare_home()
        self._stop_leftover()

    def command(self) -> list[str]:
        """The server's command line, to be run as `account`."""
        command = [find_binaries().postgres, "-D", str(self._data), "-p", str(self.port)]
        return command + [
            part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")
        ]

    def answers(self) -> bool:
        """Whether this cluster's server takes connections now."""
        try:
            psycopg.connect(self.superuser_dsn, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        # The answer may be another server's, on a port that ours could not take.
        return self._running_pid() is not None

    def stop(self) -> None:
        """Stop the server (a fast shutdown); nothing to do where it does not run."""
        if self._guard is None:
            return
        guard, self._guard = self._guard, None
        if guard.stdin:
            guard.stdin.close()
        try:
            guard.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()
            self._stop_leftover()

    def remove(self) -> None:
        """Delete the stopped cluster's data."""
        shutil.rmtree(self.home, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            (self.directory / "home").unlink()

    @property
    def home(self) -> Path:
        """Where the data really is."""
        link = self.directory / "home"
        return link.resolve() if link.is_symlink() else self.directory / "home"

    @property
    def _data(self) -> Path:
        return self.home / "data"

    @property
    def _password_file(self) -> Path:
        return self.home / "superuser.password"

    def _prepare_home(self) -> None:
        link = self.directory / "home"
        self.directory.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() and not link.exists():
            link.unlink()  # what it pointed to was deleted: begin anew
        if not link.exists():
            if self.account.reaches(self.directory):
                link.mkdir()
            else:
                self._elsewhere.mkdir(parents=True, exist_ok=True)
                link.symlink_to(tempfile.mkdtemp(prefix="eventstac-postgres-", dir=self._elsewhere))
            self.home.chmod(0o711)
        if not (self._data / "PG_VERSION").exists() or not self._password_file.exists():
            self._initdb()

    def _initdb(self) -> None:
        binaries = find_binaries()
        if self._data.exists():
            shutil.rmtree(self._data)  # an initdb that was interrupted
        self._data.mkdir(mode=0o700)
        self.account.own(self._data)
        password = self.home / "superuser.new"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(18))
        self.account.own(password)
        made = self.account.run(
            [
                *(binaries.initdb, "--pgdata", str(self._data), "--no-sync", "--no-instructions"),
                *("--username", SUPERUSER, "--pwfile", str(password), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C", "--lc-ctype", _letters()),
            ]
        )
        if made.returncode != 0:
            raise PostgresUnavailable(
                f"initdb failed in {self._data}: {(made.stderr or made.stdout).strip()[-2000:]}"
            )
        password.rename(self._password_file)  # last: its presence says that the cluster is complete

    def _launch(self) -> None:
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))]
                + ["-" if part is None else str(part) for part in (self.account.uid, self.account.gid)]
                + ["SIGINT", *self.command()],  # SIGINT is PostgreSQL's fast shutdown
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self, deadline: float) -> bool:
        """Wait until the server takes connections; False when it ended or the deadline passed."""
        while self._guard is not None and self._guard.poll() is None and time.monotonic() < deadline:
            if self.answers():
                return self._guard.poll() is None
            time.sleep(_POLL_S)
        return False

    def _running_pid(self) -> int | None:
        """The pid in postmaster.pid, if that process is really this cluster's server."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, 0)
        except (FileNotFoundError, IndexError, ValueError, ProcessLookupError):
            return None
        except PermissionError:
            return None  # somebody else's process by now
        return pid if f"-D {self._data}" in _command_line(pid) else None

    def _stop_leftover(self) -> None:
        """Stop a server that outlived its guard, and clean a postmaster.pid that names nobody."""
        pid = self._running_pid()
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        if pid is not None:
            os.kill(pid, signal.SIGINT)
        while pid is not None and self._running_pid() == pid:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(_POLL_S)
        with contextlib.suppress(FileNotFoundError):
            (self._data / "postmaster.pid").unlink()


def _command_line(pid: int) -> str:
    """How a process was started, with spaces between its arguments; empty where there is none."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    command = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
