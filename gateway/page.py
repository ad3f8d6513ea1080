"""An answer of the gateway's own."""

import hashlib
from collections.abc import Collection
from typing import NamedTuple


class Page(NamedTuple):
    """`headers` are lines ready to be sent."""

    status: int
    body: bytes
    headers: bytes = b""
    content_type: bytes = b"application/json"


def tagged(body: bytes, tag: bytes, known_tag: bytes, cached: bytes, content_type: bytes) -> Page:
    """A page that clients may keep: 304 to those whose `If-None-Match` (`known_tag`) names it."""
    headers = b"etag: %b\r\ncache-control: %b\r\n" % (tag, cached)
    if tag in [t.strip().removeprefix(b"W/") for t in known_tag.split(b",")]:
        return Page(304, b"", headers)
    return Page(200, body, headers, content_type)


def among(path: str, routes: Collection[str]) -> bool:
    """Whether a path is one of these; a `*` at a route's end is any one segment."""
    return path in routes or f"{path.rpartition('/')[0]}/*" in routes


def tag_of(body: bytes) -> bytes:
    """A strong entity tag."""
    return b'"%b"' % hashlib.sha256(body).hexdigest()[:32].encode()
