"""Exit codes by which a worker tells the host how it ended."""

REFUSED = 78  # EX_CONFIG: starting again would end the same way
FAULT = 70  # EX_SOFTWARE
TIMED_OUT = 79  # a function ran longer than functionTimeout
NOT_DRAINED = 80  # invocations were still under way when the drain limit was reached
