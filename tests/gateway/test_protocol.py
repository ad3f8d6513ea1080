"""A client connection without a network: how long it waits for whom, and what it holds meanwhile."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.clients import Networks
from gateway.exchange import Exchange
from gateway.limits.rate import Verdict
from gateway.server.doors import Doors
from gateway.server.edge import LEAST_RATE, EdgeState, Patience
from gateway.server.protocol import LINGER, LONGEST_LINGER, EdgeProtocol
from gateway.server.reader import RequestReader
from gateway.server.refused import Refused
from gateway.server.request import Request
from gateway.sweeper import EVERY, Sweeper
from tests.gateway.raw import HANDSHAKE

GET = b"GET /api/subjects HTTP/1.1\r\nHost: a\r\n\r\n"


class Turns:
    """Answers nothing by itself."""

    def __init__(self) -> None:
        self.begun: list[Any] = []

    def answer(self, _protocol: EdgeProtocol, request: Request) -> Any:
        turn = SimpleNamespace(
            request=request, started=False, complete=False, more_body=True, keep_alive=True, waited=0.0, received=0, hungry=False
        )
        turn.begin = lambda: self.begun.append(turn)
        turn.take_body = turn.end_body = turn.hold = turn.resume = turn.abandon = lambda *_: None
        return turn


class Transport(asyncio.Transport):
    """One whose client reads when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.unread, self.aborted, self.closed, self.reading = 0, False, False, True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.aborted or self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """The test speaks to it itself."""

    def write_eof(self) -> None:
        """Nobody is there to see it."""

    def write(self, data: Any) -> None:
        """Nobody reads it."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("203.0.113.1", 1) if name == "peername" else default


class Client:
    """A connection, its clock, and what was refused on it."""

    def __init__(self, doors: Doors | None = None) -> None:
        self.now, self.refused, self.turns = 100.0, list[int](), Turns()
        self.transport = Transport()
        loop: Any = SimpleNamespace(time=lambda: self.now, call_soon=lambda act, *args: act(*args))
        postponed: Any = SimpleNamespace(add=lambda act, data=None: act(*([] if data is None else [data])))
        edge = EdgeState(
            Sweeper(),
            Patience(),
            postponed,
            doors or Doors(10, 10, Networks([])),
            self.turns.answer,
            lambda _p, refused, _t: self._refuse(refused),
        )
        server: Any = SimpleNamespace(connections=set(), total_requests=0, default_headers=[])
        self.protocol = EdgeProtocol(SimpleNamespace(is_ssl=False), server, {"edge": edge}, loop)  # type: ignore[arg-type]
        self.protocol.connection_made(self.transport)

    def _refuse(self, refused: Refused) -> bytes:
        self.refused.append(refused.status)
        return b"refused"

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds / EVERY)):
            self.now += EVERY
            self.protocol.sweep(self.now)

    def finish(self) -> None:
        """End the answer that was begun last."""
        self.protocol.answered(self.turns.begun[-1])


def test_nothing_is_begun_for_a_client_that_does_not_read() -> None:
    client = Client()
    client.protocol.data_received(GET)
    client.protocol.pause_writing()
    client.finish()
    client.protocol.data_received(GET * 3)

    assert len(client.turns.begun) == 1
    assert not client.transport.reading
    client.protocol.resume_writing()
    assert len(client.turns.begun) == 2
    client.finish()
    client.finish()
    assert len(client.turns.begun) == 4
    client.finish()
    assert client.transport.reading


@pytest.mark.parametrize("rest", [True, False])
def test_nothing_is_begun_on_a_connection_that_was_closed(rest: bool) -> None:
    client = Client()
    client.protocol.data_received(GET * 2)
    client.protocol.pause_writing()
    client.turns.begun[0].keep_alive, client.turns.begun[0].more_body = False, rest
    client.finish()
    client.protocol.resume_writing()

    assert len(client.turns.begun) == 1
    assert client.transport.closed is not rest


def test_empty_lines_keep_no_connection_open() -> None:
    client = Client()
    for _ in range(int(Patience().idle) + 1):
        client.protocol.data_received(b"\r\n")
        client.wait(1)

    assert client.transport.closed


def test_a_connection_with_requests_in_line_is_not_swept_between_two_of_them() -> None:
    client = Client()
    client.protocol.data_received(GET + HANDSHAKE)
    client.protocol.loop.call_soon = lambda *_: None  # type: ignore[assignment, method-assign]  # what comes next comes a little later
    client.finish()
    client.protocol.sweep(client.now)

    assert not client.transport.aborted


def refused_early() -> Client:
    """One that was answered before it has sent its request's body."""
    client = Client()
    client.protocol.data_received(b"POST /auth/me HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
    client.turns.begun[0].keep_alive = False
    client.finish()
    return client


def test_a_client_that_was_answered_early_may_send_on_for_a_while() -> None:
    client = refused_early()
    for _ in range(int(LONGEST_LINGER) - 1):
        client.wait(1)
        client.protocol.data_received(b"x" * 1_000)
    assert not client.transport.aborted

    client.protocol.data_received(b"x")
    client.wait(2)
    assert client.transport.aborted


def test_a_client_that_was_answered_early_and_falls_silent_is_cut_off() -> None:
    client = refused_early()
    client.wait(LINGER)
    assert not client.transport.aborted
    client.wait(1)
    assert client.transport.aborted


@pytest.mark.parametrize(("rate", "stays"), [(LEAST_RATE / 2, False), (LEAST_RATE * 2, True)])
def test_an_answer_may_not_be_read_too_slowly(rate: float, stays: bool) -> None:
    """Each time a few kilobytes are read, so that it never seems to have stopped."""
    client = Client()
    client.protocol.data_received(GET)
    for _ in range(40):
        client.transport.unread = 65_537
        client.protocol.pause_writing()
        client.wait(5)
        client.transport.unread -= int(5 * rate)
        client.protocol.resume_writing()

    assert client.transport.aborted is not stays


@pytest.mark.parametrize(("rate", "stays"), [(LEAST_RATE / 2, False), (LEAST_RATE * 2, True)])
def test_a_large_answer_may_take_as_long_to_be_read_as_it_is_large(rate: float, stays: bool) -> None:
    client = Client()
    client.protocol.data_received(GET)
    client.transport.unread = 3_000_000
    client.protocol.pause_writing()
    for _ in range(150):
        client.wait(1)
        client.transport.unread -= int(rate)

    assert client.transport.aborted is not stays


def test_a_head_that_we_do_not_read_is_not_late() -> None:
    client = Client()
    client.protocol.data_received(GET + GET + GET[:20])
    client.wait(30)
    assert client.refused == []

    client.finish()
    client.finish()
    client.wait(5)
    assert client.refused == []
    client.wait(8)
    assert client.refused == [408]


def test_a_body_may_not_come_too_slowly() -> None:
    client = Client()
    client.protocol.data_received(b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
    turn = client.turns.begun[0]
    turn.hungry = True
    for _ in range(100):
        client.protocol.data_received(b"x")
        client.wait(0.5)

    assert client.refused == [408]


def test_a_body_at_a_modest_rate_may_take_its_time() -> None:
    client = Client()
    client.protocol.data_received(b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
    turn = client.turns.begun[0]
    turn.hungry = True
    for _ in range(100):
        client.protocol.data_received(b"x")
        turn.received += LEAST_RATE
        client.wait(1)

    assert client.refused == []


def read(*feeds: bytes) -> int:
    """How many requests were found."""
    found: list[Request] = []
    reader = RequestReader(found.append, lambda _: None, lambda: None)
    for data in feeds:
        reader.feed(data)
    return len(found)


def test_many_requests_that_came_at_once_are_not_one_large_one() -> None:
    get = GET[:-2] + b"X: " + b"x" * 2_000 + b"\r\n\r\n"
    post = b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + bytes(70_000)

    assert read(get * 40) == 40
    assert read(get * 40 + get[:1_000], get[1_000:]) == 41
    assert read(post + get[:1_000], get[1_000:]) == 2


@pytest.mark.parametrize("behind", [GET[:-2] + b"X: ", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;"])
def test_a_large_one_behind_others_is_still_too_large(behind: bytes) -> None:
    with pytest.raises(Refused):
        read(GET * 100 + behind + b"x" * 70_000)
    with pytest.raises(Refused):
        read(GET * 100 + behind + b"x" * 40_000, b"x" * 40_000)


class _Fails(Exchange):
    def _admit(self) -> None:
        raise ValueError("as when we are wrong")


def test_a_failure_behind_the_verdict_is_answered() -> None:
    written: list[bytes] = []
    protocol: Any = SimpleNamespace(write=written.append, keeps=lambda _: True, date_line=lambda: b"", answered=lambda _: None)
    front: Any = SimpleNamespace(note=lambda *_: None)
    _Fails(front, protocol, Request())._counted(Verdict(True, 1, 1.0))

    assert written[0].startswith(b"HTTP/1.1 500 ")
