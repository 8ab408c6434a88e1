"""How much one transaction takes on, so that nobody waits long for what it has locked."""

from collections.abc import Callable

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

    def take[T](self, waiting: list[T], group_of: Callable[[T], object]) -> tuple[list[T], list[T]]:
        """What the next transaction takes on, and what waits on; `waiting` is in the order of its groups.

        A group is cut only where it is larger than twice the size by itself.
        """
        size = self.size  # once: another thread may change it
        end = min(size, len(waiting))
        while end <= 2 * size and end < len(waiting) and group_of(waiting[end]) == group_of(waiting[end - 1]):
            end += 1
        if end > 2 * size:
            straddling = group_of(waiting[size])
            before = next(place for place, one in enumerate(waiting) if group_of(one) == straddling)
            end = before or 2 * size
        return waiting[:end], waiting[end:]

    def note(self, size: int, seconds: float) -> None:
        """Take in how long a transaction of this size held its locks."""
        if seconds > AIM_S:
            self.size = max(self._least, min(self.size, int(size * AIM_S / seconds)))
        elif size >= self.size and seconds < AIM_S / 2:
            self.size = min(self._largest, 2 * self.size)
