"""An answer of the gateway's own."""

from typing import NamedTuple


class Page(NamedTuple):
    """`headers` are lines ready to be sent."""

    status: int
    body: bytes
    headers: bytes = b""
    content_type: bytes = b"application/json"
