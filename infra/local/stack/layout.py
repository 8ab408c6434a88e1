"""Where the stack keeps what it knows."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Layout:
    """The files below one directory: `.local` of a checkout, or a temporary one in tests."""

    directory: Path

    @property
    def ports(self) -> Path:
        """The chosen ports, by service."""
        return self.directory / "ports.json"

    @property
    def keys(self) -> Path:
        """Keys and passwords, made at the first start."""
        return self.directory / "keys.json"

    @property
    def env(self) -> Path:
        """The file to source."""
        return self.directory / "env"

    @property
    def state(self) -> Path:
        """What runs now."""
        return self.directory / "run" / "stack.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor while it lives."""
        return self.directory / "run" / "stack.lock"

    def record(self, name: str) -> Path:
        """Which process is the service `name`."""
        return self.directory / "run" / f"{name}.json"

    def hold(self, name: str) -> Path:
        """While this file is there, the supervisor does not start the service `name` again."""
        return self.directory / "run" / f"{name}.hold"

    def log(self, name: str) -> Path:
        """What a process printed."""
        return self.directory / "logs" / f"{name}.log"

    def settings(self, app: str) -> Path:
        """The application settings of an app."""
        return self.directory / "settings" / f"{app}.json"

    def data(self, name: str) -> Path:
        """What a service keeps on disk."""
        return self.directory / "data" / name

    def make(self) -> None:
        """Make the directories that several parts write into."""
        for path in (self.directory, self.state.parent, self.log("x").parent, self.settings("x").parent):
            path.mkdir(parents=True, exist_ok=True)
        self.data("x").parent.mkdir(exist_ok=True)
