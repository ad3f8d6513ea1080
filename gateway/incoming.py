"""The head that a service gets: the client's own lines, and what only the gateway may say."""

from gateway.clients import Client
from gateway.hops import without
from gateway.server.request import Request

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def head_for_service(request: Request, client: Client, path: str, extra: bytes = b"") -> bytes:
    """Ends in an empty line."""
    lines = without(request.lines, request.nominated) if request.nominated else request.lines
    _, question, query = request.target.partition(b"?")
    return b"".join((
        request.method.encode(), b" ", path.encode(), question if query else b"", query, b" HTTP/1.1\r\nhost: ", client.host,
        b"\r\n", *lines, _authorization(request), _framing(request), extra,
        b"x-forwarded-for: ", client.address.encode(), b"\r\nx-forwarded-proto: ", client.scheme.encode(),
        b"\r\nx-forwarded-host: ", client.host, b"\r\nx-request-id: ", request.request_id, b"\r\n\r\n",
    ))  # fmt: skip


def _authorization(request: Request) -> bytes:
    return b"authorization: %b\r\n" % request.authorization if request.authorization is not None else b""


def _framing(request: Request) -> bytes:
    if request.length is None:
        return b"transfer-encoding: chunked\r\n"
    if request.length or request.method in WITH_BODY:
        return b"content-length: %d\r\n" % request.length
    return b""
