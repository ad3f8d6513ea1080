"""Names of files: what a client sent, made harmless, and how a browser is told it (RFC 6266)."""

import re
import unicodedata
from urllib.parse import quote

from services.messaging.contents import KINDS, Kind, UnsupportedFile

MAX_BYTES = 180  # file systems stop at 255, browsers add " (1)"
UNNAMED = "attachment"

_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # devices, on Windows
_KNOWN = frozenset(extension for kind in KINDS for extension in kind.extensions)


class MisleadingName(UnsupportedFile):
    detail = "The file is not what the end of its name says."


def safe_name(given: str | None, kind: Kind) -> str:
    """A file name without path, tricks or a misleading end. Raises `MisleadingName` when it ends like another known kind."""
    name = (given or "").replace("%22", '"')  # as browsers write it in a form
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    # Categories C*: control and invisible characters, such as those that turn "exe.txt" around on the screen.
    visible = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    name = _FORBIDDEN.sub("_", visible).strip(" .") or UNNAMED
    if _RESERVED.match(name):
        name = f"_{name}"
    stem, _, extension = name.rpartition(".")
    if stem and extension.lower() in kind.extensions:
        return f"{_cut(stem)}.{extension}"
    if stem and extension.lower() in _KNOWN:
        raise MisleadingName
    return f"{_cut(name)}.{kind.extensions[0]}"


def content_disposition(name: str) -> str:
    """Always a download; `name` in full for whoever reads RFC 8187, in ASCII for the rest."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'["\\%;]', "_", plain).strip(" .") or UNNAMED
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _cut(name: str) -> str:
    return name.encode()[:MAX_BYTES].decode(errors="ignore").rstrip(" .")
