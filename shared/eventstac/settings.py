"""Reads settings from the environment, once, and lists all that are missing."""

import sys
from collections.abc import Callable, Mapping, Sequence

from eventstac.errors import EventstacError

# libpq's, of POSTGRES_SSLMODE; the first where nothing is said.
SSL_MODES = ("prefer", "disable", "allow", "require", "verify-ca", "verify-full")
_OFF, _ON = ("", "0", "off", "false", "no"), ("1", "on", "true", "yes")
MOST = 2_147_483_647  # of a number that has no other limit: whoever is handed it takes 31 bits


class SettingsMissing(EventstacError):
    """The process cannot start: the message lists every setting that is missing or wrong."""


class Environment:
    """The settings of a process; `check` raises once, with everything that is wrong.

    env = Environment(os.environ)
    settings = LoaderSettings(bus=env.text("ServiceBus"), …)
    env.check("loader")
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._problems: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """A setting that must be there, unless it has a default."""
        value = self._value(name) or default
        if value is None:
            self._problems.append(f"{name} is not set")
            return ""
        return value

    def optional(self, name: str) -> str | None:
        """A setting that may be missing."""
        return self._value(name) or None

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of some words; the first where nothing is said."""
        value = self.text(name, choices[0])
        if value not in choices:
            words = ", ".join(map(repr, choices[:-1]))
            self._problems.append(f"{name} must be {words} or {choices[-1]!r}, not {value!r}")
        return value

    def switch(self, name: str) -> bool:
        """On or off; off where nothing is said."""
        value = self._value(name) or ""
        if value.lower() not in _OFF + _ON:
            self._problems.append(f"{name} must be 'on' or 'off', not {value!r}")
        return value.lower() in _ON

    def integer(self, name: str, default: int, *, least: int = 0, most: int = MOST) -> int:
        """A whole number."""
        return self._number(
            name, default, _whole, f"a whole number from {least:,} to {most:,}", (least, most)
        )

    def seconds(self, name: str, default: float) -> float:
        """A number of seconds."""
        return self._number(name, default, float, f"a number of seconds from 0 to {MOST:,}", (0, MOST))

    def names(self, name: str, default: str | None = None) -> tuple[str, ...]:
        """A comma-separated list of names, of one at least."""
        text = self.text(name, default)
        names = tuple(part.strip() for part in text.split(",") if part.strip())
        if text and not names:
            self._problems.append(f"{name} names nothing: {text!r}")
        return names

    def has(self, name: str) -> bool:
        """Whether the setting is there and not empty."""
        return bool(self._value(name))

    def connection(self, name: str, identity: str) -> None:
        """A connection must be there: a connection string, or what a managed identity needs instead of one."""
        if not self.has_connection(name, identity):
            self._problems.append(f"{name} is not set, and neither is {name}__{identity}")

    def has_connection(self, name: str, identity: str) -> bool:
        """Whether a connection is there: NAME, or NAME__IDENTITY as Functions calls it."""
        return self.has(name) or self.has(f"{name}__{identity}")

    def wrong(self, problem: str) -> None:
        """Note a problem that a caller found."""
        self._problems.append(problem)

    def check(self, app: str) -> None:
        """Raise SettingsMissing with all problems, if there are any."""
        if self._problems:
            raise SettingsMissing(f"{app} cannot start: {'; '.join(self._problems)}")

    def _value(self, name: str) -> str | None:
        """A value as it is set. Half a character would end in a traceback: in a URL, a user's name, a container's."""
        value = self._values.get(name)
        try:
            (value or "").encode()
        except UnicodeEncodeError:  # not shown: it may be a secret
            encoding = sys.getfilesystemencoding()
            problem = f"{name} is no text of {encoding}: write it anew, or set the locale (LC_ALL=C.UTF-8)"
            if problem not in self._problems:
                self._problems.append(problem)
        return value

    def _number[N: (int, float)](
        self, name: str, default: N, kind: Callable[[str], N], what: str, limits: tuple[int, int]
    ) -> N:
        value = self._value(name)
        if not value:
            return default
        try:
            number = kind(value)
        except ValueError:
            number = None
        if number is None or not limits[0] <= number <= limits[1]:  # nan is neither
            self._problems.append(f"{name} must be {what}, not {value!r}")
            return default
        return number


def _whole(text: str) -> int:
    if not text.isascii():  # `int` takes the digits of any script
        raise ValueError(text)
    return int(text)


def state_connection(env: Environment) -> str:
    """The connection of the account that is only ours, for claims and dead letters: `StateStorage`, else `BlobStorage`.

    The rasters' account may be somebody else's, whose lifecycle rules are not ours to write.
    """
    return "StateStorage" if env.has_connection("StateStorage", "blobServiceUri") else "BlobStorage"
