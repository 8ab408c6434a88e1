"""Which of Microsoft's tests the stand-in does not mean to pass, each with its reason."""

import re

_REASONS = (
    ("websocket|http_proxy", "AMQP over web sockets (port 443) is not built"),
    (
        "operation_negative",
        "stale: it replaces a function of the SDK by one without the parameters of SDK 7.15",
    ),
)


def why_not(name: str, needs_sessions: bool) -> str | None:
    """The reason for which a test (its name with parameters) is not applicable; None if it is."""
    if needs_sessions:
        return "sessions are not built"
    return next((reason for pattern, reason in _REASONS if re.search(pattern, name)), None)
