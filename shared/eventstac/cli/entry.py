"""Where the process of the command `eventstac` begins, before the second that its imports take."""

import codecs
import io
import json
import os
import signal
import sys
from pathlib import Path

INTERRUPTED = 130  # exit code, as shells have it for Ctrl-C
_ESCAPES = "json-escapes"


def main() -> None:
    """Run the command: Ctrl-C ends it quietly at any moment, and no character or closed stream is in its way."""
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not ignored, as by nohup's kin
    if is_usual:
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    _prepare_streams()
    from eventstac.cli.main import main as run

    if is_usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _prepare_streams() -> None:
    """A closed stream is as /dev/null; a character that a terminal's encoding has not is escaped, as JSON has it."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Taken at once: the next socket would have this number, and what is printed would go to a server.
            setattr(sys, name, Path(os.devnull).open("w" if descriptor else "r", encoding="utf-8"))  # noqa: SIM115
    codecs.register_error(_ESCAPES, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPES)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
