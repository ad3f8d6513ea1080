"""How many client connections there may be, in all and from one address."""

import resource
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from gateway import metrics
from gateway.clients import Networks, limit_key
from shared import logs

FILES_EACH = 2  # a client's connection and, for a WebSocket, the service's

log = logs.get(__name__)


class Doors:
    """A connection costs a file descriptor and some kilobytes before it asks anything: nobody may open all there can be."""

    def __init__(self, most: int, most_each: int, proxies: Networks) -> None:
        """`proxies` come with everybody's connections, and have no limit of their own."""
        self._most, self._most_each, self._proxies = most, most_each, proxies
        self._inside = 0
        self._from: dict[str, int] = {}

    def enter(self, address: str) -> Callable[[], None] | None:
        """What to call, once, when the connection is lost; None if no more may come from there."""
        key = limit_key(address)
        here = self._from.get(key, 0)
        if self._inside >= self._most or (here >= self._most_each and not self._proxies.contain(address)):
            metrics.turned_away.inc()
            return None
        self._inside += 1
        self._from[key] = here + 1
        return partial(self._leave, key)

    def _leave(self, key: str) -> None:
        self._inside -= 1
        here = self._from.pop(key) - 1
        if here:
            self._from[key] = here


def open_wide(connections: int) -> None:
    """Allow this process as many open files as its system lets it: many systems begin with 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some say that there is no limit, and then allow less
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != allowed < connections * FILES_EACH:
        log.warning("few_open_files", allowed=allowed, connections=connections)
