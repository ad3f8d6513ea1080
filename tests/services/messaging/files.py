"""Files, honest and hostile, made on the spot."""

import io
import zipfile

from PIL import Image

from services.messaging.contents import MAX_ZIP_ENTRIES

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
CONTENT_TYPES = ("[Content_Types].xml", b"<Types/>")


def picture(format_: str, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (8, 8), 0).save(out, format_)
    return out.getvalue()


def archive(*files: tuple[str, bytes]) -> bytes:
    """A zip with these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in files:
            made.writestr(name, content)
    return out.getvalue()


def document(part: str = "word/document.xml", *more: tuple[str, bytes]) -> bytes:
    """An Office Open XML file, as far as its outline goes."""
    return archive(CONTENT_TYPES, (part, b"<x/>"), *more)


def open_document(kind: str) -> bytes:
    return archive(("mimetype", f"application/vnd.oasis.opendocument.{kind}".encode()), ("content.xml", b"<x/>"))


def ole(stream: str) -> bytes:
    """An Office file of before 2007, as far as its outline goes."""
    return OLE + stream.encode("utf-16-le") + b"\0" * 64


HONEST = {
    "photo.jpg": (picture("JPEG"), "image/jpeg"),
    "SCAN.JPEG": (picture("JPEG"), "image/jpeg"),
    "drawing.png": (picture("PNG"), "image/png"),
    "fun.gif": (picture("GIF", "P"), "image/gif"),
    "new.webp": (picture("WEBP"), "image/webp"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
    "sheet.pdf": (PDF, "application/pdf"),
    "notes.txt": ("Привіт, до завтра!\n".encode(), "text/plain; charset=utf-8"),
    "marks.csv": (b"name,mark\r\nAnna,5\r\n", "text/plain; charset=utf-8"),
    "windows.txt": (b"\xef\xbb\xbfwith a mark", "text/plain; charset=utf-8"),
    "PK.txt": (b"PK is short for primary key", "text/plain; charset=utf-8"),
    "RIFF.txt": (b"RIFF is a format", "text/plain; charset=utf-8"),
    "unicode.txt": ("Привіт!\r\n".encode("utf-16"), "text/plain; charset=utf-16"),
    "motorola.csv": (b"\xfe\xff" + "name,mark\n".encode("utf-16-be"), "text/plain; charset=utf-16"),
    "german.txt": ("Grüße – bis später".encode("cp1252"), "text/plain; charset=windows-1252"),
    "essay.rtf": (rb"{\rtf1\ansi Hello}", "application/rtf"),
    "essay.docx": (document(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "table.xlsx": (document("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "talk.pptx": (document("ppt/presentation.xml"), "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    "essay.odt": (open_document("text"), "application/vnd.oasis.opendocument.text"),
    "table.ods": (open_document("spreadsheet"), "application/vnd.oasis.opendocument.spreadsheet"),
    "old.doc": (ole("WordDocument"), "application/msword"),
    "old.xls": (ole("Workbook"), "application/vnd.ms-excel"),
    "old.ppt": (ole("PowerPoint Document"), "application/vnd.ms-powerpoint"),
}

HOSTILE = {
    "windows program": ("tool.exe", b"MZ\x90\0\x03\0\0\0"),
    "windows program called a picture": ("cute.png", b"MZ\x90\0\x03\0\0\0"),
    "linux program": ("tool", b"\x7fELF\x02\x01\x01\0"),
    "script": ("run.txt", b"#!/bin/sh\nrm -rf /\n"),
    "page": ("page.html", b"<!DOCTYPE html><script>alert(1)</script>"),
    "page called a text": ("page.txt", b" \n<html><script>alert(1)</script>"),
    "page in utf-16": ("page.txt", "<html>".encode("utf-16")),
    "page in cp1252": ("page.txt", "<html>ü".encode("cp1252")),
    "page behind a mark": ("page.txt", b"\xef\xbb\xbf<html>"),
    "drawing with a script": ("x.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    "drawing behind a declaration": ("x.svg", b'<?xml version="1.0"?><svg onload="alert(1)"/>'),
    "plain archive": ("stuff.zip", archive(("a.txt", b"x"))),
    "java archive": ("app.jar", archive(("META-INF/MANIFEST.MF", b"x"), ("A.class", b"\xca\xfe\xba\xbe"))),
    "archive called a document": ("essay.docx", archive(("a.txt", b"x"))),
    "document with macros": ("essay.docm", document("word/document.xml", ("word/vbaProject.bin", b"x"))),
    "document with macros called plain": ("essay.docx", document("word/document.xml", ("word/VBAPROJECT.BIN", b"x"))),
    "old document with macros": ("old.doc", ole("WordDocument") + "_VBA_PROJECT".encode("utf-16-le")),
    "installer": ("setup.msi", ole("!_StringData")),
    "open document with macros": (
        "a.odt",
        archive(("mimetype", b"application/vnd.oasis.opendocument.text"), ("Basic/script-lc.xml", b"x")),
    ),
    "rich text with an object": ("a.rtf", rb"{\rtf1{\object\objdata 0105}}"),
    "torn picture": ("a.png", picture("PNG")[:40]),
    "picture in name only": ("a.png", b"\x89PNG\r\n\x1a\n" + b"junk" * 20),
    "torn archive": ("a.docx", document()[:60]),
    "archive of very much": (
        "a.docx",
        archive(("[Content_Types].xml", b"x"), ("word/document.xml", b"x"), *((str(n), b"") for n in range(MAX_ZIP_ENTRIES))),
    ),
    "archive with an endless directory": ("a.docx", b"PK\x03\x04" + b"\0" * 40 + b"PK\x05\x06" + b"\0" * 8 + b"\xff" * 10),
    "binary": ("data.bin", bytes(range(256))),
    "sound": ("a.wav", b"RIFF\x24\0\0\0WAVEfmt "),
    "text called a picture": ("a.png", b"hello"),
    "picture called a document": ("a.docx", picture("PNG")),
    "compressed": ("a.gz", b"\x1f\x8b\x08\0\0\0\0\0"),
}
