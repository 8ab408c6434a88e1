"""Files that a command is given."""

import re
from pathlib import Path

from eventstac.errors import EventstacError

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:/")  # a Path has one slash less than the URL; C:/ is none


class FileUnreadable(EventstacError):
    """A file that a command was given cannot be read."""


def read_text(file: Path) -> str:
    """A file's text, or FileUnreadable with a sentence."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileUnreadable(f"{file} is no UTF-8 text: {error}. Save it as UTF-8") from error
    except OSError as error:
        if _SCHEME.match(str(file)):
            raise FileUnreadable(f"{str(file)!r} is a URL: download it, and name the file") from error
        raise FileUnreadable(f"{file} cannot be read: {error}") from error
