"""Files that a command is given."""

from pathlib import Path

from eventstac.errors import EventstacError


class FileUnreadable(EventstacError):
    """A file that a command was given cannot be read."""


def read_text(file: Path) -> str:
    """A file's text, or FileUnreadable with a sentence."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileUnreadable(f"{file} is no UTF-8 text: {error}. Save it as UTF-8") from error
    except OSError as error:
        raise FileUnreadable(f"{file} cannot be read: {error}") from error
