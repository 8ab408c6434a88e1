"""`python -m infra.local.stack up|down|status|run`: the laptop stack by hand."""

import argparse
import errno
import sys
from pathlib import Path

from infra.local.stack import commands
from infra.local.stack.errors import StackError
from infra.local.stack.layout import ROOT, Layout

# Of a place, these say all: somebody else's, on a read-only disk, a file where a folder must be or the other way round.
_UNWRITABLE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG,
}  # fmt: skip
_FULL = {errno.ENOSPC, errno.EDQUOT}  # mostly of a write, which does not say where


def main(argv: list[str]) -> int:
    """Do what the command line says; what people can mend is one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.stack", description=__doc__)
    parser.add_argument("--directory", type=Path, default=ROOT / ".local", help="where it keeps everything")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("up", help="start in the background, return when ready")
    actions.add_parser("down", help="stop; always succeeds")
    actions.add_parser("status", help="what runs")
    foreground = actions.add_parser("run", help="start and stay in the foreground, until Ctrl-C")
    foreground.add_argument("--until-eof", action="store_true", help="also stop when standard input ends")
    foreground.add_argument("--fast", action="store_true", help="a database for tests: no power cut survives")
    arguments = parser.parse_args(argv)
    layout = Layout(arguments.directory.absolute())
    try:
        match arguments.action:
            case "up":
                return commands.up(layout)
            case "down":
                return commands.down(layout)
            case "status":
                return commands.status(layout)
            case _:
                # Imported here: the others must be quick, and work whatever state the SDKs are in.
                from infra.local.stack.run import run

                return run(layout, arguments.until_eof, arguments.fast)
    except StackError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except OSError as error:
        if error.errno in _FULL:
            advice = f": make room for {layout.directory}, or take another place with --directory"
        elif error.errno in _UNWRITABLE and error.filename is not None:
            advice = ""
        else:
            raise  # only with where it comes from does it say anything
        print(f"{error}{advice}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
