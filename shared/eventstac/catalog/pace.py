"""How much one transaction takes on, so that nobody waits long for what it has locked."""

# What one transaction aims to hold its locks for at most. Of four writers on the same Items the last waits for three:
# half a second, where a second is the limit.
AIM_S = 0.15


class Pace:
    """The size of the next transaction: smaller after one that took long, greater after a quick one.

    So it fits the machine and what else it has to do. `largest` bounds it from above, a quarter of `first` from below:
    where that takes long, it is the statements themselves, however little they do.
    """

    def __init__(self, first: int, largest: int) -> None:
        self.size = first
        self._least, self._largest = max(1, first // 4), largest

    def note(self, size: int, seconds: float) -> None:
        """Take in how long a transaction of this size held its locks."""
        if seconds > AIM_S:
            self.size = max(self._least, min(self.size, int(size * AIM_S / seconds)))
        elif size >= self.size and seconds < AIM_S / 2:
            self.size = min(self._largest, 2 * self.size)
