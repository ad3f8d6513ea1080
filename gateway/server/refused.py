"""What a client is told whose request is not even looked at."""

import json

from gateway.server.status import STATUS_LINES
from shared.errors import problem


class Refused(Exception):
    """The client sent what cannot be a request here; `answer` is the whole response, after which the connection ends."""

    def __init__(self, status: int, detail: str, code: str = "bad_request", extra: bytes = b"") -> None:
        super().__init__(detail)
        body = json.dumps(problem(detail, code)).encode()
        self.answer = b"".join((
            STATUS_LINES[status], b"content-type: application/json\r\nx-content-type-options: nosniff\r\n", extra,
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body), body,
        ))  # fmt: skip
