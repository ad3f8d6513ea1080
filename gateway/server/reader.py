"""Reads requests off a connection with llhttp at its strictest, and refuses what two servers could read in two ways."""

from collections.abc import Callable
from types import SimpleNamespace

import httptools

from gateway.server.refused import Refused
from gateway.server.request import Request

MAX_TARGET = 8_192
MAX_HEAD = 32_768
MAX_HEADERS = 100
OVERHEAD = 65_536  # bytes of chunk framing and trailers that a body may cost beyond eight times its own size
METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
ALLOW = b"allow: " + b", ".join(METHODS) + b"\r\n"


class RequestReader:
    """Calls `on_request`, `on_body` and `on_end` for each request. `feed` raises `Refused` or `httptools.HttpParserUpgrade`."""

    __slots__ = (
        "_before", "_began", "_count", "_on_body", "_on_end", "_on_request", "_parser", "_payload", "_request", "_size",
        "_unread", "_wire", "in_head",
    )  # fmt: skip

    def __init__(
        self, on_request: Callable[[Request], None], on_body: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        self._on_request, self._on_body, self._on_end = on_request, on_body, on_end
        self.in_head = False
        self._unread = False  # the request's body, by a parser that has seen an upgrade
        self._began = False  # a request has begun among the bytes at hand
        self._size = self._count = self._wire = self._payload = self._before = 0
        self._request = Request()
        self._parser = _parser(self)

    def feed(self, data: bytes) -> None:
        in_body = not self.in_head
        self._began = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._unread:
                raise
            self._read_on(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            refused = error.__context__
            raise refused if isinstance(refused, Refused) else Refused(400, "The request is not valid HTTP/1.1.") from None
        if self.in_head:
            self._size += max(0, self._behind(data) - self._before) if self._began else len(data)
            if self._size > 2 * MAX_HEAD:  # a header without end: it is not seen before it is whole
                raise Refused(431, "The request's head is too large.", "head_too_large")
        elif in_body:
            self._wire += len(data)
            if self._wire > OVERHEAD + 8 * self._payload:
                self._check_framing(data)

    def _read_on(self, rest: bytes) -> None:
        """The parser leaves the body of a request that upgrades to others. Another reads it, and then no more requests."""
        self._unread = False
        length = self._request.length
        framing = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
        self._parser = _parser(SimpleNamespace(on_body=self.on_body, on_message_complete=self.on_message_complete))
        self._parser.feed_data(b"POST / HTTP/1.1\r\nconnection: close\r\n%b\r\n\r\n" % framing)
        self.feed(rest)

    def _check_framing(self, data: bytes) -> None:
        if self._began:
            self._wire = self._behind(data)
        if self._wire > OVERHEAD + 8 * self._payload:
            raise Refused(400, "The request's body is framed wastefully.")

    def _behind(self, data: bytes) -> int:
        """How much of `data` came after the last end of a head, or of a chunked body: what stands before was other requests'."""
        return len(data) - data.rfind(b"\r\n\r\n") - 4

    # Called by the parser; what is raised here reaches `feed` as the context of the parser's own exception.

    def on_message_begin(self) -> None:
        self.in_head = self._began = True
        self._before = self._payload
        self._request = Request()
        self._size = self._count = self._wire = self._payload = 0

    def on_url(self, url: bytes) -> None:
        request = self._request
        request.target += url
        if len(request.target) > MAX_TARGET:
            raise Refused(414, "The request's address is too long.", "target_too_long")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_head:
            return  # a trailer: dropped, for nobody behind us expects one
        self._count += 1
        self._size += len(name) + len(value)
        if self._size > MAX_HEAD or self._count > MAX_HEADERS:
            raise Refused(431, "The request's head is too large.", "head_too_large")
        self._request.add(name.lower(), value)

    def on_headers_complete(self) -> None:
        self.in_head = False
        request, parser = self._request, self._parser
        method = METHODS.get(parser.get_method())
        if method is None:
            raise Refused(405, "This method is not known here.", "method_not_allowed", ALLOW)
        request.method = method
        request.version = parser.get_http_version()
        if request.version != "1.1":
            _check_old(request)
        elif request.hosts != 1:
            raise Refused(400, "Exactly one Host header is needed.")
        if not request.target.startswith(b"/"):
            raise Refused(400, "The request's address must be a path.")
        request.keep_alive = request.version == "1.1" and parser.should_keep_alive()
        if request.upgrade:
            self._check_upgrade(request)
        if request.length == 0:
            request.expects_100 = False
        self._on_request(request)

    def _check_upgrade(self, request: Request) -> None:
        if not self._parser.should_upgrade():
            request.upgrade = b""
        elif request.upgrade != b"websocket":  # ignored (RFC 9110, 7.8); what follows might be in the other protocol
            request.keep_alive = False
            self._unread = request.length != 0
        elif request.length != 0:
            raise Refused(400, "A request that upgrades cannot have a body.")

    def on_body(self, body: bytes) -> None:
        self._payload += len(body)
        self._on_body(body)

    def on_message_complete(self) -> None:
        if not self._unread:
            self._on_end()


def _parser(callbacks: object) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(callbacks)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # it is thrown away, but must not spoil the answer
    return parser


def _check_old(request: Request) -> None:
    if request.version != "1.0":
        raise Refused(505, "Only HTTP/1.1 is spoken here.", "version_not_supported")
    if request.hosts > 1:
        raise Refused(400, "One Host header is enough.")
    if request.length is None:
        raise Refused(400, "HTTP/1.0 knows no Transfer-Encoding.")
