"""How far a client is behind in reading its answers."""

from gateway.server.edge import LEAST_RATE


class Lag:
    """Counts the seconds by which a client reads more slowly than it may. `unread` are the bytes that wait for it."""

    def __init__(self) -> None:
        self.stuck = False  # more waits than we care to hold
        self._since = 0.0
        self._unread = 0
        self._before = 0.0

    def begin(self, now: float, unread: int) -> None:
        self.stuck, self._since, self._unread = True, now, unread

    def end(self, now: float, unread: int) -> None:
        self.stuck = False
        self._before = max(0.0, self.seconds(now, unread))

    def seconds(self, now: float, unread: int) -> float:
        return self._before + now - self._since - max(0, self._unread - unread) / LEAST_RATE

    def forgive(self) -> None:
        """Everything has been read."""
        self._before = 0.0
