"""What a client is told whose request is not even looked at."""

import json

from gateway.server.status import STATUS_LINES
from shared.errors import problem


class Refused(Exception):
    """The client sent what cannot be a request here. After the answer the connection ends."""

    def __init__(self, status: int, detail: str, code: str = "bad_request", extra: bytes = b"") -> None:
        super().__init__(detail)
        self.status, self.detail, self.code, self._extra = status, detail, code, extra

    def answer(self, common: bytes) -> bytes:
        """The whole response; `common` are the header lines of every answer."""
        body = json.dumps(problem(self.detail, self.code)).encode()
        return b"".join((
            STATUS_LINES[self.status], common, self._extra, b"content-type: application/json\r\n",
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body), body,
        ))  # fmt: skip
