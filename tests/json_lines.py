"""Lines of JSON in a file that another process may be writing at this moment."""

import json
from pathlib import Path
from typing import Any


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Those that are whole; none where there is no file yet."""
    try:
        *whole, _ = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in whole]
