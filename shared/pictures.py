"""Pictures of people: whatever comes in is decoded and written anew, so that nothing but pixels survives."""

import io
import re
from pathlib import PurePath

from PIL import Image, ImageOps

from shared.errors import BadRequest, UnsupportedMediaType

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 16_000_000  # decoded, each takes four bytes, and a few times that while the picture is made smaller
MAX_PIXELS_OF_JPEG = 32_000_000  # decoded at a fraction of its size: as many as cameras take; at worst the memory of a WebP
SIDE = 512  # pixels, at most
TYPES = {"image/jpeg": "JPEG", "image/jpg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}
JPEGS = (".jpg", ".jpeg", ".jpe", ".jfif")
EXTENSIONS = dict.fromkeys(JPEGS, "JPEG") | {".png": "PNG", ".gif": "GIF", ".webp": "WEBP"}
EXTENSION = re.compile(r"\.[a-z][a-z0-9]{0,5}")  # "at 10.30" and "Mr. Smith" end with none
UNTOLD = ("", "application/octet-stream")  # types that say nothing


class NotAPicture(BadRequest):
    detail = "The file is not a picture that can be read. Send a JPEG, PNG, GIF or WebP image."


class LyingPicture(BadRequest):
    detail = "The file's name or type says one format, its content is of another."


class TooManyPixels(BadRequest):
    detail = (
        f"The picture is too large: at most {MAX_PIXELS // 1_000_000} million pixels, a JPEG {MAX_PIXELS_OF_JPEG // 1_000_000}."
    )


class NotAPictureType(UnsupportedMediaType):
    detail = "Send a JPEG, PNG, GIF or WebP image."


def claimed_formats(content_type: str, filename: str) -> set[str]:
    """What the client says the file is. Raises `NotAPictureType` when it says that it is no picture we take."""
    content_type = content_type.partition(";")[0].strip().lower()
    extension = PurePath(filename).suffix.lower()
    extension = extension if EXTENSION.fullmatch(extension) else ""
    if content_type not in UNTOLD and content_type not in TYPES:
        raise NotAPictureType
    if content_type in UNTOLD and extension and extension not in EXTENSIONS:
        raise NotAPictureType
    if extension and extension not in EXTENSIONS:
        raise LyingPicture
    said = {TYPES.get(content_type), EXTENSIONS.get(extension)}
    return {each for each in said if each is not None}


def reencode(content: bytes, claimed: set[str]) -> bytes:
    """The picture (of an animation, the first frame) as WebP, upright, at most `SIDE` × `SIDE`. Takes processor time: run it on
    a thread. Raises `NotAPicture`, `LyingPicture`, `TooManyPixels`."""
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "GIF", "WEBP")) as picture:
            found = "JPEG" if picture.format == "MPO" else picture.format  # several in one file: phones' portraits
            if claimed - {found}:
                raise LyingPicture
            if picture.width * picture.height > (MAX_PIXELS_OF_JPEG if found == "JPEG" else MAX_PIXELS):
                raise TooManyPixels
            return _encoded(picture)
    except BadRequest:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels from error
    except Exception as error:  # decoders of broken files raise all kinds of things
        raise NotAPicture from error


def _encoded(picture: Image.Image) -> bytes:
    picture.draft("RGB", (2 * SIDE, 2 * SIDE))  # lets JPEG be decoded at a fraction of its size
    picture.thumbnail((4 * SIDE, 4 * SIDE), Image.Resampling.NEAREST)  # in place, and first: whatever copies it copies little
    upright = ImageOps.exif_transpose(picture)
    if upright.mode == "I;16":  # 16 bits of grey, of which a conversion would keep the lower 8
        upright = upright.point(lambda grey: grey / 256).convert("L")
        upright.info.pop("transparency", None)
    has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    flat = upright.convert("RGBA" if has_alpha else "RGB")
    flat.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    clean = Image.frombytes(flat.mode, flat.size, flat.tobytes())  # leaves metadata behind
    out = io.BytesIO()
    clean.save(out, "WEBP", quality=85, method=4)
    return out.getvalue()
