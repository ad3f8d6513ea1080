"""Reads requests off a connection with llhttp at its strictest, and refuses what two servers could read in two ways."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import httptools

from gateway.server.status import STATUS_LINES
from shared.errors import problem

MAX_TARGET = 8_192
MAX_HEAD = 32_768
MAX_HEADERS = 100
OVERHEAD = 65_536  # bytes of chunk framing and trailers that a body may cost beyond eight times its own size
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
HOST = re.compile(rb"(?:[A-Za-z0-9._\-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

Headers = list[tuple[bytes, bytes]]


class Refused(Exception):
    """The client sent something that no application gets to see; `answer` is the whole response."""

    def __init__(self, status: int, detail: str, code: str = "bad_request", extra: bytes = b"") -> None:
        super().__init__(detail)
        body = json.dumps(problem(detail, code)).encode()
        self.status = status
        self.answer = b"".join((
            STATUS_LINES[status], b"content-type: application/json\r\nx-content-type-options: nosniff\r\n", extra,
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body), body,
        ))  # fmt: skip


@dataclass(slots=True)
class Head:
    """A request's head that passed. `length` is the body's, None when it is chunked; `upgrade` is the protocol asked for."""

    method: str
    target: bytes
    version: str
    headers: Headers
    length: int | None
    keep_alive: bool
    expects_100: bool
    upgrade: bytes


class RequestReader:
    """Calls `on_head`, `on_body` and `on_end` for each request. `feed` raises `Refused`, or `httptools.HttpParserUpgrade`."""

    __slots__ = (
        "_expects_100", "_headers", "_hosts", "_length", "_on_body", "_on_end", "_on_head", "_parser", "_payload", "_size",
        "_target", "_upgrade", "_wire", "in_head",
    )  # fmt: skip

    def __init__(self, on_head: Callable[[Head], None], on_body: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_head, self._on_body, self._on_end = on_head, on_body, on_end
        self.in_head = False
        self._size = self._wire = self._payload = 0
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_data_after_close=True
        )  # what follows `Connection: close` is not parsed by us

    def feed(self, data: bytes) -> None:
        in_body = not self.in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise
        except httptools.HttpParserError as error:
            refused = error.__context__
            raise refused if isinstance(refused, Refused) else Refused(400, "The request is not valid HTTP/1.1.") from None
        if self.in_head:
            self._size += len(data)
            if self._size > 2 * MAX_HEAD:  # a header without end: its parts are not seen one by one
                raise Refused(431, "The request's head is too large.", "head_too_large")
        elif in_body:
            self._wire += len(data)
            if self._wire > OVERHEAD + 8 * self._payload:
                raise Refused(400, "The request's body is framed wastefully.")

    # Called by the parser; an exception raised here reaches `feed` as the context of the parser's own.

    def on_message_begin(self) -> None:
        self.in_head = True
        self._target = b""
        self._headers: Headers = []
        self._size = self._hosts = self._wire = self._payload = 0
        self._length: int | None = 0
        self._expects_100 = False
        self._upgrade = b""

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > MAX_TARGET:
            raise Refused(414, "The request's address is too long.", "target_too_long")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_head:
            return  # a trailer: dropped, for nobody behind us expects one
        name = name.lower()
        self._size += len(name) + len(value)
        self._headers.append((name, value))
        if self._size > MAX_HEAD or len(self._headers) > MAX_HEADERS:
            raise Refused(431, "The request's head is too large.", "head_too_large")
        if name in SPECIAL:
            self._special(name, value)

    def _special(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._hosts += 1
            if not HOST.fullmatch(value):
                raise Refused(400, "The Host header is not valid.")
        elif name == b"content-length":
            self._length = int(value)
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked":
                raise Refused(400, "The only Transfer-Encoding understood is chunked.")
            self._length = None
        elif name == b"upgrade":
            self._upgrade = value.lower()
        elif value.lower() == b"100-continue":
            self._expects_100 = True
        else:
            raise Refused(417, "The only expectation understood is 100-continue.", "expectation_failed")

    def on_headers_complete(self) -> None:
        self.in_head = False
        parser = self._parser
        version, method = parser.get_http_version(), parser.get_method().decode()
        if method not in METHODS:
            allow = f"allow: {', '.join(sorted(METHODS))}\r\n".encode()
            raise Refused(405, "This method is not known here.", "method_not_allowed", allow)
        if version not in ("1.1", "1.0"):
            raise Refused(505, "Only HTTP/1.1 is spoken here.", "version_not_supported")
        if self._hosts > 1 or (self._hosts == 0 and version == "1.1"):
            raise Refused(400, "Exactly one Host header is needed.")
        if self._length is None and version == "1.0":
            raise Refused(400, "HTTP/1.0 knows no Transfer-Encoding.")
        if not self._target.startswith(b"/"):
            raise Refused(400, "The request's address must be a path.")
        upgrading = parser.should_upgrade()
        if upgrading and self._length != 0:
            raise Refused(400, "A request that upgrades cannot have a body.")
        self._on_head(Head(
            method, self._target, version, self._headers, self._length,
            keep_alive=version == "1.1" and parser.should_keep_alive(),
            expects_100=self._expects_100 and self._length != 0,
            upgrade=self._upgrade if upgrading else b"",
        ))  # fmt: skip

    def on_body(self, body: bytes) -> None:
        self._payload += len(body)
        self._on_body(body)

    def on_message_complete(self) -> None:
        self._on_end()


SPECIAL = frozenset({b"host", b"content-length", b"transfer-encoding", b"upgrade", b"expect"})
