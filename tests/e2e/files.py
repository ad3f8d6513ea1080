"""Files that people upload, by name."""

import io

from PIL import Image

File = tuple[str, bytes, str]
"""Name, content, media type: what httpx sends."""


def file(name: str) -> File:
    """One of `CONTENTS`."""
    return name, CONTENTS[name], TYPES[name.rpartition(".")[2]]


TYPES = {
    "png": "image/png",
    "gif": "image/gif",
    "txt": "text/plain",
    "pdf": "application/pdf",
    "exe": "application/octet-stream",
}
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def _picture(mode: str = "RGB", width: int = 64, height: int = 48) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "PNG")
    return out.getvalue()


CONTENTS: dict[str, bytes] = {
    "homework.pdf": PDF,
    "notes.txt": b"Bring a calculator.\n",
    "photo.png": _picture(),
    "broken.png": _picture()[:40],
    "lying.gif": _picture(),
    "vast.png": _picture("1", 5000, 4000),
    "lying.pdf": _picture(),
    "huge.png": _picture() + bytes(5 * 1024 * 1024),  # more than a picture may have, less than the gateway refuses
    "huge.pdf": PDF + bytes(10 * 1024 * 1024),
    "program.exe": b"MZ\x90\x00" + bytes(200),
    "empty.txt": b"",
}
