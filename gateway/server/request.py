"""A request's head as the gateway needs it: what it looks at itself, and the header lines that the service will get."""

import re
from collections.abc import Callable
from functools import lru_cache

from gateway.server.refused import Refused

HOST = re.compile(rb"(?:[A-Za-z0-9._\-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
MAX_HOST = 300  # bytes
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})


class Request:
    """`lines` are passed on as they are. `length` is the body's, None when it is chunked. `upgrade` is the protocol asked for."""

    method = "GET"
    target = b""
    version = "1.1"
    length: int | None = 0
    keep_alive = True
    expects_100 = False
    preflight = False
    authorization: bytes | None = None
    request_id = upgrade = host = origin = known_tag = nominated = b""
    hosts = 0
    forwarded: dict[bytes, bytes] | None = None

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def add(self, name: bytes, value: bytes) -> None:
        """Take a header, in lower case. Raises `Refused`."""
        special = SPECIAL.get(name)
        if special is None:
            self.lines.append(b"%b: %b\r\n" % (name, value))
        else:
            special(self, value)


def _host(request: Request, value: bytes) -> None:
    request.hosts += 1
    request.host = value
    if len(value) > MAX_HOST or not _is_host(value):
        raise Refused(400, "The Host header is not valid.")


@lru_cache(maxsize=1_000)
def _is_host(value: bytes) -> bool:
    return HOST.fullmatch(value) is not None


def _content_length(request: Request, value: bytes) -> None:
    request.length = int(value)


def _transfer_encoding(request: Request, value: bytes) -> None:
    if value.lower() != b"chunked":
        raise Refused(400, "The only Transfer-Encoding understood is chunked.")
    request.length = None


def _expect(request: Request, value: bytes) -> None:
    if value.lower() != b"100-continue":
        raise Refused(417, "The only expectation understood is 100-continue.", "expectation_failed")
    request.expects_100 = True


def _connection(request: Request, value: bytes) -> None:
    request.nominated += b"," + value.lower()


def _upgrade(request: Request, value: bytes) -> None:
    request.upgrade = value.lower()


def _authorization(request: Request, value: bytes) -> None:
    request.authorization = value if request.authorization is None else b""  # two of them are none


def _request_id(request: Request, value: bytes) -> None:
    if REQUEST_ID.fullmatch(value):
        request.request_id = value


def _origin(request: Request, value: bytes) -> None:
    request.origin = value
    request.lines.append(b"origin: %b\r\n" % value)


def _known_tag(request: Request, value: bytes) -> None:
    request.known_tag = value
    request.lines.append(b"if-none-match: %b\r\n" % value)


def _preflight(request: Request, _value: bytes) -> None:
    request.preflight = True


def _forwarded(name: bytes) -> Callable[[Request, bytes], None]:
    def keep(request: Request, value: bytes) -> None:
        request.forwarded = request.forwarded or {}
        before = request.forwarded.get(name)
        request.forwarded[name] = value if before is None else before + b"," + value

    return keep


def _drop(_request: Request, _value: bytes) -> None:
    """Hop-by-hop (RFC 9110, 7.6.1), or a claim that only the gateway may make."""


DROPPED = (
    b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"forwarded",
    b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-server", b"x-real-ip", b"x-internal-token", b"x-original-url",
    b"x-rewrite-url", b"x-original-host", b"x-http-method-override",
)  # fmt: skip
SPECIAL: dict[bytes, Callable[[Request, bytes], None]] = (
    dict.fromkeys(DROPPED, _drop)
    | {name: _forwarded(name) for name in FORWARDED}
    | {
        b"host": _host,
        b"content-length": _content_length,
        b"transfer-encoding": _transfer_encoding,
        b"expect": _expect,
        b"connection": _connection,
        b"upgrade": _upgrade,
        b"authorization": _authorization,
        b"x-request-id": _request_id,
        b"origin": _origin,
        b"if-none-match": _known_tag,
        b"access-control-request-method": _preflight,
    }
)
