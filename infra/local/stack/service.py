"""One process of the stack: how to start it and how to tell that it is ready."""

import http.client
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from signal import SIGTERM, Signals

from infra.local.postgres.account import Account

STOP_PATIENCE_S = 35.0  # a Functions host drains for up to 30


@dataclass(frozen=True)
class Service:
    """What the supervisor needs to know. `before` runs before each start; `account` is whom it runs as.

    `advice` is what may help where it ends while it starts.
    """

    name: str
    command: Sequence[str]
    port: int
    ready: Callable[[], bool]
    before: Callable[[], None] = lambda: None
    account: Account = field(default_factory=Account)
    stop_signal: Signals = SIGTERM
    advice: str = ""


def http_answers(
    port: int, path: str = "/", expected: Callable[[int, bytes], bool] = lambda *_: True
) -> bool:
    """Whether a GET on loopback gets an answer, and the expected one (status and body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return expected(response.status, response.read())
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def is_ok(status: int, _body: bytes) -> bool:
    """The expectation of a health endpoint."""
    return status == 200


def says_ready(status: int, body: bytes) -> bool:
    """The expectation of a Functions host's status: indexed, and connected to its subscriptions."""
    try:
        return status == 200 and json.loads(body)["ready"] is True
    except (ValueError, KeyError, TypeError):
        return False  # somebody else answers, or the host is not so far
