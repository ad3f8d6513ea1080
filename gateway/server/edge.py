"""What the client connections of a process share, and how patient they are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.postponed import Postponed
from gateway.server.doors import Doors
from gateway.server.refused import Refused
from gateway.server.request import Request
from gateway.server.turn import Turn
from gateway.sweeper import Sweeper

if TYPE_CHECKING:
    from gateway.server.protocol import EdgeProtocol

LEAST_RATE = 8_192  # bytes a second; whoever sends a body or reads an answer more slowly uses up our patience


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds a client may take: to send a head, to send more of a body, to read more of an answer, between two requests.

    A whole body or answer may take as long, and what its size takes at `LEAST_RATE`."""

    head: float = 10.0
    body: float = 30.0
    reading: float = 60.0
    idle: float = 75.0


@dataclass(frozen=True, slots=True)
class EdgeState:
    """It is in the application's lifespan state as `edge`. `refuse` notes what could not be a request, and words the answer."""

    sweeper: Sweeper
    patience: Patience
    postponed: Postponed
    doors: Doors
    answer: Callable[["EdgeProtocol", Request], Turn]
    refuse: Callable[["EdgeProtocol", Refused, Turn | None], bytes]
