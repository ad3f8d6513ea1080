"""Status lines, rendered once."""

from http import HTTPStatus

NO_BODY = frozenset({204, 304})


def _line(status: int) -> bytes:
    try:
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    except ValueError:
        return f"HTTP/1.1 {status} \r\n".encode()


STATUS_LINES = {status: _line(status) for status in range(100, 600)}
