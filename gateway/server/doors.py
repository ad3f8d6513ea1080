"""How many client connections there may be, in all and from one address."""

import resource

from gateway import metrics
from gateway.clients import Networks


class Doors:
    """A connection costs a file descriptor and some kilobytes before it asks anything: nobody may open all there can be."""

    def __init__(self, most: int, most_each: int, proxies: Networks) -> None:
        """`proxies` come with everybody's connections, and have no limit of their own."""
        self._most, self._most_each, self._proxies = most, most_each, proxies
        self._inside = 0
        self._from: dict[str, int] = {}

    def enter(self, address: str) -> bool:
        """Whether one more may come from there; who entered must `leave`."""
        here = self._from.get(address, 0)
        if self._inside >= self._most or (here >= self._most_each and not self._proxies.contain(address)):
            metrics.turned_away.inc()
            return False
        self._inside += 1
        self._from[address] = here + 1
        return True

    def leave(self, address: str) -> None:
        self._inside -= 1
        here = self._from.pop(address) - 1
        if here:
            self._from[address] = here


def open_wide() -> None:
    """Allow this process as many open files as its system lets it: a request needs two, and many systems begin with 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
