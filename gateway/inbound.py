"""A request as the gateway sees it: one pass over its headers, which also writes the head that the service will get."""

import random
import re
from typing import Any

from gateway.clients import Client

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

# Never passed on: hop-by-hop (RFC 9110, 7.6.1), set anew by us, or a claim that only we may make.
DROPPED = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
    b"upgrade", b"transfer-encoding", b"content-length", b"expect", b"host", b"x-request-id", b"forwarded", b"x-forwarded-for",
    b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-server", b"x-real-ip",
    b"x-internal-token", b"x-original-url", b"x-rewrite-url", b"x-original-host", b"x-http-method-override",
})  # fmt: skip
FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})
SEEN = DROPPED | {b"authorization", b"origin", b"access-control-request-method", b"if-none-match"}
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Inbound:
    """`lines` are the header lines to pass on; `length` is the body's, None when it is chunked."""

    __slots__ = (
        "authorization", "forwarded", "has_body", "host", "known_tag", "length", "lines",
        "method", "origin", "preflight", "query", "request_id", "upgrade",
    )  # fmt: skip

    def __init__(self, scope: dict[str, Any]) -> None:
        self.method: str = scope["method"]
        self.query: bytes = scope["query_string"]
        self.authorization: bytes | None = None
        self.origin = self.host = self.upgrade = self.known_tag = self.request_id = b""
        self.length: int | None = 0
        self.has_body = self.preflight = False
        self.forwarded: dict[bytes, bytes] = {}
        nominated = b""
        lines = []
        for name, value in scope["headers"]:
            if name not in SEEN:
                lines.append(b"%b: %b\r\n" % (name, value))
            elif name == b"host":
                self.host = value
            elif name == b"authorization":
                self.authorization = value if self.authorization is None else b""  # two of them are none
            elif name == b"connection":
                nominated += b"," + value
            else:
                self._see(name, value)
        if self.authorization is not None:
            lines.append(b"authorization: %b\r\n" % self.authorization)
        if self.known_tag:
            lines.append(b"if-none-match: %b\r\n" % self.known_tag)
        if nominated:
            lines = _without(lines, nominated)
        self.lines: list[bytes] = lines
        if not self.request_id:
            self.request_id = b"%032x" % random.getrandbits(128)

    def _see(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            self.length = int(value)
            self.has_body = self.length > 0
        elif name == b"transfer-encoding":
            self.length, self.has_body = None, True
        elif name == b"x-request-id":
            if REQUEST_ID.fullmatch(value):
                self.request_id = value
        elif name in FORWARDED:
            before = self.forwarded.get(name)
            self.forwarded[name] = value if before is None else before + b"," + value
        elif name == b"origin":
            self.origin = value
        elif name == b"upgrade":
            self.upgrade = value.lower()
        elif name == b"access-control-request-method":
            self.preflight = True
        elif name == b"if-none-match":
            self.known_tag = value


def _without(lines: list[bytes], nominated: bytes) -> list[bytes]:
    """Without the headers that `Connection` names as meant for this hop only."""
    names = {n.strip().lower() for n in nominated.split(b",")} - {b"", b"close", b"keep-alive", b"upgrade", b"te"}
    return [line for line in lines if line.partition(b":")[0] not in names] if names else lines


def outbound_head(inbound: Inbound, client: Client, path: str, extra: bytes = b"") -> bytes:
    """The request's head for the service, ending in an empty line."""
    method = inbound.method
    framing = b""
    if inbound.length is None:
        framing = b"transfer-encoding: chunked\r\n"
    elif inbound.length or method in WITH_BODY:
        framing = b"content-length: %d\r\n" % inbound.length
    target = path.encode() + b"?" + inbound.query if inbound.query else path.encode()
    return b"".join((
        method.encode(), b" ", target, b" HTTP/1.1\r\nhost: ", client.host, b"\r\n", *inbound.lines, framing, extra,
        b"x-forwarded-for: ", client.address.encode(), b"\r\nx-forwarded-proto: ", client.scheme.encode(),
        b"\r\nx-forwarded-host: ", client.host, b"\r\nx-request-id: ", inbound.request_id, b"\r\n\r\n",
    ))  # fmt: skip
