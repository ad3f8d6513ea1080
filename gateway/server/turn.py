"""What a client connection expects of whoever answers a request on it."""

from typing import Protocol

from gateway.server.request import Request


class Turn(Protocol):
    """One request being answered, by a service or by the gateway. Methods are called by the connection, in this order."""

    request: Request
    started: bool  # the answer's head has been written
    complete: bool  # the answer has been written to its end, or somebody else has the connection
    more_body: bool  # the client's request has not been read to its end
    keep_alive: bool
    waited: float  # seconds for which `hungry` was true when somebody looked
    tail: bytes  # what arrived behind the head of an upgrade request

    def begin(self) -> None:
        """It is this request's turn."""

    def take_body(self, piece: bytes) -> None:
        """A piece of the request's body arrived; also before `begin`."""

    def end_body(self) -> None:
        """The request is whole; also before `begin`."""

    def hold(self) -> None:
        """The client reads too slowly: produce no more of the answer."""

    def resume(self) -> None:
        """The client has caught up."""

    def abandon(self, status: int) -> None:
        """The client has left, or its request turned out to be crooked: nothing can be answered any more. `status` is noted."""

    @property
    def hungry(self) -> bool:
        """Whether the answer waits for more of the request's body."""

    @property
    def received(self) -> int:
        """Bytes of the request's body that have come."""
