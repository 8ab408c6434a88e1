"""Files that a command is given."""

from pathlib import Path

from eventstac.errors import EventstacError


class FileUnreadable(EventstacError):
    """A file that a command was given cannot be read."""


def read_text(file: Path) -> str:
    """A file's text, or FileUnreadable with a sentence."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"{file} cannot be read: {error}") from error
