"""What a file is, told from its bytes: only kinds that a lesson needs, none that carries a program."""

import codecs
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from shared.errors import BadRequest, UnsupportedMediaType

MAX_PIXELS = 80_000_000
MAX_ZIP_ENTRIES = 10_000  # an archive that lists more than this is not a document

_ACTIVE_TEXT = re.compile(r"\s*(<!doctype|<html|<head|<body|<script|<svg|<\?xml|<\?php|#!)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_ZIP_ENTRY = b"PK\x01\x02"
_OLE_HEADER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class EmptyFile(BadRequest):
    detail = "The file is empty."


class UnsupportedFile(UnsupportedMediaType):
    detail = "Send an image, a PDF, a text or an office document without macros."


@dataclass(frozen=True)
class Kind:
    """A kind of file: how it is served, and what its name may end with (the first is given to names that end otherwise)."""

    content_type: str
    extensions: tuple[str, ...]


Reader = Callable[[bytes], Kind | None]

PNG = Kind("image/png", ("png",))
JPEG = Kind("image/jpeg", ("jpg", "jpeg", "jpe", "jfif"))
GIF = Kind("image/gif", ("gif",))
WEBP = Kind("image/webp", ("webp",))
HEIC = Kind("image/heic", ("heic", "heif"))
PDF = Kind("application/pdf", ("pdf",))
_TEXTS = ("txt", "csv", "tsv", "md", "rst", "tex", "bib", "log", "srt")
TEXT = Kind("text/plain; charset=utf-8", _TEXTS)
TEXT_UTF_16 = Kind("text/plain; charset=utf-16", _TEXTS)
TEXT_WINDOWS = Kind("text/plain; charset=windows-1252", _TEXTS)
RTF = Kind("application/rtf", ("rtf",))
_OPEN_XML = "application/vnd.openxmlformats-officedocument."
DOCX = Kind(f"{_OPEN_XML}wordprocessingml.document", ("docx",))
XLSX = Kind(f"{_OPEN_XML}spreadsheetml.sheet", ("xlsx",))
PPTX = Kind(f"{_OPEN_XML}presentationml.presentation", ("pptx",))
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
ODT = Kind(f"{_OPEN_DOCUMENT}text", ("odt",))
ODS = Kind(f"{_OPEN_DOCUMENT}spreadsheet", ("ods",))
ODP = Kind(f"{_OPEN_DOCUMENT}presentation", ("odp",))
DOC = Kind("application/msword", ("doc",))
XLS = Kind("application/vnd.ms-excel", ("xls",))
PPT = Kind("application/vnd.ms-powerpoint", ("ppt",))

KINDS = (PNG, JPEG, GIF, WEBP, HEIC, PDF, TEXT, TEXT_UTF_16, TEXT_WINDOWS, RTF, DOCX, XLSX, PPTX, ODT, ODS, ODP, DOC, XLS, PPT)

_READABLE = ("PNG", "JPEG", "GIF", "WEBP")
_IMAGES = {"PNG": PNG, "JPEG": JPEG, "MPO": JPEG, "GIF": GIF, "WEBP": WEBP}  # MPO: a JPEG with a second picture, as cameras write
_HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftypmif1")
_OPEN_XML_PARTS = {"word/document.xml": DOCX, "xl/workbook.xml": XLSX, "ppt/presentation.xml": PPTX}
_OPEN_DOCUMENTS = {kind.content_type.encode(): kind for kind in (ODT, ODS, ODP)}
_OLE_STREAMS = {"WordDocument": DOC, "Workbook": XLS, "PowerPoint Document": PPT}


def kind_of(content: bytes) -> Kind:
    """Raises `EmptyFile`, `UnsupportedFile`. Reads the whole file: call it on a thread."""
    if not content:
        raise EmptyFile
    read = next((reader for start, reader in _READERS if content.startswith(start)), _by_its_middle(content))
    kind = read(content)
    if kind is None:
        raise UnsupportedFile
    return kind


def _by_its_middle(content: bytes) -> Reader:
    if content[4:8] == b"ftyp":
        return _heic
    return _image if content.startswith(b"RIFF") and content[8:12] == b"WEBP" else _text


def _image(content: bytes) -> Kind | None:
    try:
        with Image.open(io.BytesIO(content), formats=_READABLE) as image:
            kind, pixels = _IMAGES[image.format or ""], image.width * image.height
            image.verify()
    except (OSError, SyntaxError, ValueError, KeyError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    return kind if pixels <= MAX_PIXELS else None


def _heic(content: bytes) -> Kind | None:
    """What telephones write, and Pillow cannot read: told by its brand alone."""
    return HEIC if content[4:12] in _HEIC_BRANDS else None


def _rich_text(content: bytes) -> Kind | None:
    return None if b"\\obj" in content else RTF  # embedded objects are programs in disguise


def _zip(content: bytes) -> Kind | None:
    if content.count(_ZIP_ENTRY) > MAX_ZIP_ENTRIES:  # counted: what an archive says of itself may be a lie, or said twice
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            first = archive.infolist()[0]
            plain = first.compress_type == zipfile.ZIP_STORED and first.file_size < 100
            declared = archive.read(first) if first.filename == "mimetype" and plain else b""
    except (zipfile.BadZipFile, OSError, ValueError, IndexError, NotImplementedError, RuntimeError, EOFError):
        return None
    if any(name.lower().endswith("vbaproject.bin") or name.startswith(("Basic/", "Scripts/")) for name in names):
        return None
    if "[Content_Types].xml" in names:
        return next((kind for part, kind in _OPEN_XML_PARTS.items() if part in names), None)
    return _OPEN_DOCUMENTS.get(declared)


def _ole(content: bytes) -> Kind | None:
    """Office before 2007: an OLE file is told by the names of its streams. Installers are OLE files too."""
    if "_VBA_PROJECT".encode("utf-16-le") in content:
        return None
    return next((kind for name, kind in _OLE_STREAMS.items() if name.encode("utf-16-le") in content), None)


def _text(content: bytes) -> Kind | None:
    kind, encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) or _ACTIVE_TEXT.match(text) else kind


def _encoding(content: bytes) -> tuple[Kind, str]:
    """UTF-16 where a mark says so, UTF-8, or else what Windows takes for plain text."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return TEXT_UTF_16, "utf-16"
    try:
        content.decode()
    except UnicodeDecodeError:
        return TEXT_WINDOWS, "cp1252"
    return TEXT, "utf-8-sig"


_READERS: tuple[tuple[bytes, Reader], ...] = (
    (b"\x89PNG\r\n\x1a\n", _image),
    (b"\xff\xd8\xff", _image),
    (b"GIF8", _image),
    (b"%PDF-", lambda _: PDF),
    (b"{\\rtf", _rich_text),
    (b"PK\x03\x04", _zip),
    (_OLE_HEADER, _ole),
)
