"""How a message that could not be handled yet is sent again: after which wait, under which id."""

import random
from dataclasses import dataclass
from hashlib import sha256

from eventstac.bus import Received
from eventstac.contracts import read_contract
from eventstac.settings import Environment

# A claim must outlive the wait of its message, its retries, and what is kept of a rejection: the templates delete it.
RETRY_HOURS_AT_MOST: int = read_contract("retention.json")["retryHoursAtMost"]

_LONGEST_MESSAGE_ID = 128  # characters of a MessageId that Service Bus takes
_LONGEST_ASKED_S = 3600.0  # a far side that asks for a year is not believed


@dataclass(frozen=True)
class RetryPolicy:
    """How long a transient failure is waited out: exponential with full jitter, up to a limit in hours."""

    first_s: float = 2.0
    longest_s: float = 300.0  # a repaired database is found again within five minutes
    give_up_after_s: float = 24 * 3600.0

    @classmethod
    def read(cls, env: Environment) -> "RetryPolicy":
        """The policy with the limit of `RETRY_LIMIT_HOURS`; one that claims would not outlive is a problem of `env`."""
        hours = env.integer("RETRY_LIMIT_HOURS", 24)
        if not 1 <= hours <= RETRY_HOURS_AT_MOST:
            env.wrong(
                f"RETRY_LIMIT_HOURS must be from 1 to {RETRY_HOURS_AT_MOST}, not {hours}: what is too large for the "
                "bus lies in a container that forgets it later"
            )
        return cls(give_up_after_s=hours * 3600.0)

    def delay_s(self, attempt: int, asked_s: float | None) -> float:
        """The wait before the attempt after `attempt`; never shorter than the far side asked for, up to an hour.

        What many were asked to wait is followed by a jitter of up to half of it: else all would come back at once.
        """
        asked = min(asked_s or 0.0, _LONGEST_ASKED_S)
        ceiling = min(self.longest_s - asked, self.first_s * 2 ** min(attempt - 1, 16))
        return asked + random.uniform(self.first_s / 2, max(ceiling, asked / 2))  # noqa: S311 - spreads load, hides nothing


def id_of_retry(received: Received) -> str:
    """The MessageId of the next attempt, always the same: a crash before the original is done makes no second chain."""
    origin = received.message_id
    if received.attempt > 1:  # it is a retry itself; what else a sender's id ends with is the sender's
        origin = origin.removesuffix(f"~{received.subscription}~{received.attempt}")
    message_id = f"{origin}~{received.subscription}~{received.attempt + 1}"
    if len(message_id) <= _LONGEST_MESSAGE_ID:
        return message_id
    return f"{sha256(origin.encode()).hexdigest()}~{received.subscription}~{received.attempt + 1}"
