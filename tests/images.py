"""Pictures, and what only looks like one."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def picture(format_: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: Any) -> bytes:
    """An image file."""
    out = io.BytesIO()
    Image.new(mode, size, "red" if mode in ("RGB", "RGBA") else 1).save(out, format_, **options)
    return out.getvalue()


def animation() -> bytes:
    """A GIF whose first frame is red and whose second is blue."""
    out = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def portrait() -> bytes:
    """A JPEG as phones write it: the picture, red, and beside it another one, blue."""
    out = io.BytesIO()
    both = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue")]
    both[0].save(out, "MPO", save_all=True, append_images=both[1:])
    return out.getvalue()


def grey(value: int, **options: Any) -> bytes:
    """A PNG of one grey in 16 bits."""
    out = io.BytesIO()
    Image.new("I;16", (32, 32), value).save(out, "PNG", **options)
    return out.getvalue()


def sideways() -> bytes:
    """A wide JPEG whose EXIF says that it is to be shown upright, with a place and a comment in it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "at home, 50.45 N 30.52 E"
    return picture("JPEG", (80, 40), exif=exif, comment=b"secret comment")


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few bytes that says it is huge."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100_000)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def read(content: bytes) -> Image.Image:
    """An image, loaded."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image
