"""Run a program that ends when whoever started it is gone.

    python guard.py UID GID SIGNAL COMMAND…       (UID and GID may be "-")

The starter keeps the other end of this process's standard input open. When that closes, for whatever reason
(it exited, was killed, crashed), the program gets SIGNAL, and SIGKILL if it is not gone STOP_TIMEOUT_S later.
SIGTERM does the same. Standard library only, and run by path: with `python -I -S` it starts in milliseconds.
"""

import os
import select
import signal
import subprocess
import sys

STOP_TIMEOUT_S = 30  # a fast shutdown writes a checkpoint first


def main(arguments: list[str]) -> int:
    """Start the program, wait for its end or for the starter's, and return its exit code."""
    uid, gid, stop_signal, *command = arguments
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the starter, who then tells us
    child = subprocess.Popen(  # noqa: S603  (the command is the whole purpose)
        command,
        stdin=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
        user=None if uid == "-" else int(uid),
        group=None if gid == "-" else int(gid),
        extra_groups=None if uid == "-" else [],
    )
    _wait(child, wake_read)
    if child.poll() is None:
        child.send_signal(signal.Signals[stop_signal])
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


def _wait(child: "subprocess.Popen[bytes]", wake: int) -> None:
    """Return when the child has ended, the starter has gone, or we are told to stop."""
    while child.poll() is None:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready and signal.SIGTERM in os.read(wake, 64):
            return
        if 0 in ready and not os.read(0, 64):
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
