"""Decoding and encoding pictures anew."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refusal
from shared.pictures import LyingPicture, NotAPicture, NotAPictureType, TooManyPixels, claimed_formats, reencode
from tests import images

LARGEST_JPEG = (8000, 4000)
MEASURED = """
import re, sys
from shared.pictures import reencode
reencode(sys.stdin.buffer.read(), set())
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.parametrize(
    ("format_", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "I;16"),
        ("PNG", "1"),
        ("GIF", "P"),
        ("WEBP", "RGBA"),
    ],
)
def test_every_allowed_format_becomes_webp(format_: str, mode: str) -> None:
    after = images.read(reencode(images.picture(format_, mode=mode), {format_}))

    assert (after.format, after.size) == ("WEBP", (64, 48))


@pytest.mark.parametrize(
    ("before", "after"), [((2000, 1000), (512, 256)), ((512, 512), (512, 512)), ((10, 3000), (2, 512)), ((1, 1), (1, 1))]
)
def test_large_pictures_shrink_and_keep_their_shape(before: tuple[int, int], after: tuple[int, int]) -> None:
    assert images.read(reencode(images.picture("JPEG", before), set())).size == after


def test_a_jpeg_of_several_pictures_is_a_jpeg() -> None:
    after = images.read(reencode(images.portrait(), {"JPEG"}))

    red, _, blue = after.convert("RGB").getpixel((16, 16))  # type: ignore[misc]
    assert (after.size, red > 200, blue < 60) == ((64, 48), True, True), "the first of them"


@pytest.mark.parametrize("options", [{}, {"transparency": 0x4000}])
def test_grey_of_sixteen_bits_stays_grey(options: dict[str, int]) -> None:
    grey = images.read(reencode(images.grey(0x8000, **options), {"PNG"})).convert("L")

    assert 120 < grey.getpixel((16, 16)) < 136  # type: ignore[operator]


def test_transparency_is_kept() -> None:
    clear = images.picture("PNG", mode="RGBA")

    assert images.read(reencode(clear, set())).mode in ("RGB", "RGBA")
    assert images.read(reencode(_half_clear(), set())).mode == "RGBA"


def test_of_an_animation_the_first_frame_stays() -> None:
    after = images.read(reencode(images.animation(), set()))

    assert getattr(after, "n_frames", 1) == 1
    red, green, blue = after.convert("RGB").getpixel((16, 16))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 60


def test_pictures_are_turned_upright_and_lose_place_and_comment() -> None:
    before = images.sideways()
    assert b"50.45 N" in before

    content = reencode(before, {"JPEG"})

    after = images.read(content)
    assert after.size == (40, 80)
    assert not after.getexif()
    assert b"50.45 N" not in content
    assert b"secret" not in content


def test_code_hidden_behind_a_picture_does_not_survive() -> None:
    content = reencode(images.picture("GIF", mode="P") + b"<script>alert(1)</script>", set())

    assert b"script" not in content


@pytest.mark.parametrize("side", [60_000, 12_000, 4_001])
def test_bombs_are_refused_without_being_decoded(side: int) -> None:
    with pytest.raises(TooManyPixels):
        reencode(images.bomb(side), set())


def test_a_camera_takes_more_pixels_than_a_bomb_may_have() -> None:
    assert images.read(reencode(images.picture("JPEG", LARGEST_JPEG), {"JPEG"})).size == (512, 256)
    with pytest.raises(TooManyPixels):
        reencode(images.picture("JPEG", (LARGEST_JPEG[0] + 8, LARGEST_JPEG[1])), {"JPEG"})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        images.picture("BMP"),
        images.picture("TIFF"),
        images.picture()[:60],
        b"GIF89a" + b"\xff" * 100,
    ],
    ids=["empty", "text", "svg", "bmp", "tiff", "truncated", "broken"],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(NotAPicture):
        reencode(content, set())


def test_a_picture_of_another_format_than_it_claims_is_refused() -> None:
    with pytest.raises(LyingPicture):
        reencode(images.picture("PNG"), {"JPEG"})


@pytest.mark.parametrize(
    ("content_type", "filename", "claimed"),
    [
        ("image/png", "me.png", {"PNG"}),
        ("image/jpeg", "me.JPG", {"JPEG"}),
        ("image/jpg; charset=x", "me.jpeg", {"JPEG"}),
        ("application/octet-stream", "me.webp", {"WEBP"}),
        ("", "blob", set()),
        ("image/png", "me.gif", {"PNG", "GIF"}),
        ("image/jpeg", "me.jfif", {"JPEG"}),
        ("image/png", "Screenshot at 10.30", {"PNG"}),
        ("", "Mr. Smith", set()),
    ],
)
def test_type_and_name_claim_a_format(content_type: str, filename: str, claimed: set[str]) -> None:
    assert claimed_formats(content_type, filename) == claimed


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [
        ("application/pdf", "me.pdf"),
        ("text/html", "me.png"),
        ("image/svg+xml", "me.svg"),
        ("image/bmp", "me.bmp"),
        ("", "me.exe"),
    ],
)
def test_another_type_is_415(content_type: str, filename: str) -> None:
    with pytest.raises(NotAPictureType):
        claimed_formats(content_type, filename)


def test_a_lying_extension_is_400() -> None:
    with pytest.raises(LyingPicture):
        claimed_formats("image/png", "me.exe")


@given(st.binary(max_size=300), st.integers(0, 200), st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]))
def test_damaged_pictures_are_read_or_refused_but_never_fail(noise: bytes, at: int, format_: str) -> None:
    whole = images.picture(format_, (16, 16))
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    statuses = []
    try:
        images.read(reencode(damaged, set()))
    except Refusal as refusal:
        statuses.append(refusal.status)

    assert set(statuses) <= {400}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of one process")
@pytest.mark.parametrize(
    ("format_", "mode", "options", "most"),
    [
        ("PNG", "RGBA", {}, 130),
        ("JPEG", "CMYK", {}, 130),
        ("JPEG", "CMYK", {"progressive": True}, 330),
        ("WEBP", "RGB", {}, 300),
    ],
)
def test_the_largest_picture_takes_little_memory(format_: str, mode: str, options: dict[str, Any], most: int) -> None:
    """A few kilobytes must not be able to have the process killed. WebP's decoder alone needs three times as much, and a JPEG
    that comes in passes is held whole until the last of them."""
    content = images.picture(format_, LARGEST_JPEG if format_ == "JPEG" else (4000, 4000), mode, **options)

    peak = subprocess.run([sys.executable, "-c", MEASURED], input=content, capture_output=True, check=True, timeout=60).stdout

    assert int(peak) // 1024 < most


def _half_clear() -> bytes:
    import io

    from PIL import Image

    image = Image.new("RGBA", (8, 8), (255, 0, 0, 128))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
