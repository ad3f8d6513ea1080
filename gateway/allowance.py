"""Bounds what all clients together may make the process hold, where a bound for each would not be enough."""


class Allowance:
    """`take` some of it, and `give_back` as much."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> bool:
        """Whether there was as much left."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        self._left += size
