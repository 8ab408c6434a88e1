"""When a failed delivery is tried again, and when it is given up."""

from dataclasses import dataclass

# Seconds before each further attempt, then the last for ever ("Event Grid message delivery and retry").
RETRY_AFTER_S = (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200)
# Outcomes after which Event Grid waits at least this long (the same page, "Failure codes").
AT_LEAST_S = {"NotFound": 300, "Unauthorized": 300, "TimedOut": 120, "Busy": 30}
JITTER = 0.1  # Event Grid adds a small randomisation; the share of the delay that is ours

DEAD_LETTER_DELAY_S = 300  # between the last attempt and the blob
DEAD_LETTER_RETRY_S = 10  # our own choice: how soon an unavailable container is tried again
DEAD_LETTER_GIVE_UP_S = 4 * 3600  # an unavailable container loses its events after this


@dataclass(frozen=True)
class Schedule:
    """The documented times, multiplied by `scale` (a thousandth in tests)."""

    scale: float = 1.0

    def retry_after(self, attempts: int, outcome: str, random: float) -> float:
        """Seconds until the next attempt, after `attempts` have failed; `random` in [0, 1) is the jitter."""
        step = RETRY_AFTER_S[min(attempts, len(RETRY_AFTER_S)) - 1]
        return self.scaled(max(step, AT_LEAST_S.get(outcome, 0)) * (1 + JITTER * random))

    def scaled(self, seconds: float) -> float:
        """A documented time as it is here."""
        return seconds * self.scale
