"""Reads WebSocket frame headers as bytes pass by (RFC 6455, 5.2), without touching or holding payloads."""

CLOSE = 0x8


class FrameTooLarge(Exception):
    """A frame's payload is longer than allowed."""


class FrameMeter:
    """`feed` every byte of one direction. `between` is true when a frame of our own could be put in; `closing` once a close
    frame has passed."""

    __slots__ = ("_header", "_left", "_most", "closing")

    def __init__(self, most: int) -> None:
        self._most = most
        self._header = b""
        self._left = 0
        self.closing = False

    @property
    def between(self) -> bool:
        return not self._left and not self._header

    def feed(self, data: bytes) -> None:
        at, end = 0, len(data)
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
                continue
            taken = len(self._header)
            self._header += data[at : at + 14 - taken]
            size = _header_size(self._header)
            if size is None or len(self._header) < size:
                return
            at += size - taken
            self._left = _payload_size(self._header)
            self.closing = self.closing or self._header[0] & 0x0F == CLOSE
            self._header = b""
            if self._left > self._most:
                raise FrameTooLarge


def close_frame(code: int, reason: str) -> bytes:
    """An unmasked close frame, as a server sends it."""
    payload = code.to_bytes(2, "big") + reason.encode()
    return bytes((0x80 | CLOSE, len(payload))) + payload


def _header_size(header: bytes) -> int | None:
    if len(header) < 2:
        return None
    length = header[1] & 0x7F
    return 2 + (4 if header[1] & 0x80 else 0) + {126: 2, 127: 8}.get(length, 0)


def _payload_size(header: bytes) -> int:
    length = header[1] & 0x7F
    if length < 126:
        return length
    return int.from_bytes(header[2 : 4 if length == 126 else 10], "big")
