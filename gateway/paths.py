"""One spelling for every path: what is routed is, byte for byte, what is forwarded."""

import re
from urllib.parse import quote, unquote_to_bytes

MAX_SEGMENTS = 16
PLAIN = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,=:@\-][A-Za-z0-9._~!$&'()*+,=:@\-]*|/\.well-known)+/?")
ESCAPED = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,=:@/\-]|%[0-9A-Fa-f]{2})+")
UNSAFE = re.compile(rb"[/\\%;?#\x00-\x1f\x7f]")


def canonical(raw: bytes) -> str | None:
    """`raw` with needless escapes, aliases and a trailing slash removed; None when two servers could read it in two ways:
    dot segments, empty segments, `;`, escaped slashes, backslashes, percent signs or control characters."""
    if not PLAIN.fullmatch(raw):
        if raw == b"/" or not ESCAPED.fullmatch(raw) or (decoded := _decode(raw)) is None:
            return "/" if raw == b"/" else None
        raw = decoded
    if raw.endswith(b"/"):
        raw = raw[:-1]
    if raw.count(b"/") > MAX_SEGMENTS:
        return None
    path = raw.decode("ascii")
    if path.startswith("/api/v1/"):
        return path[7:] if path.startswith("/api/v1/auth/") else "/api/" + path[8:]
    return path


def _decode(raw: bytes) -> bytes | None:
    segments = [unquote_to_bytes(segment) for segment in raw.split(b"/")]
    if any(UNSAFE.search(segment) for segment in segments):
        return None
    decoded = "/".join(quote(segment, safe="~!$&'()*+,=:@") for segment in segments).encode()
    plain = PLAIN.fullmatch(re.sub(rb"%[0-9A-F]{2}", b"_", decoded))
    return decoded if plain else None
