"""What is told from a file's bytes, and what becomes of its name."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging.contents import KINDS, PNG, TEXT, EmptyFile, UnsupportedFile, kind_of
from services.messaging.names import MisleadingName, content_disposition, safe_name
from tests.services.messaging.files import HONEST, HOSTILE, picture

BOMB = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4) * 2 + b"\x08\x02\0\0\0" + b"\0\0\0\0"


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_file_is_recognised(name: str) -> None:
    content, content_type = HONEST[name]
    kind = kind_of(content)

    assert kind.content_type == content_type
    assert safe_name(name, kind) == name


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(case: str) -> None:
    name, content = HOSTILE[case]

    with pytest.raises(UnsupportedFile):
        safe_name(name, kind_of(content))


def test_a_picture_too_large_to_decode_is_refused() -> None:
    with pytest.raises(UnsupportedFile):
        kind_of(BOMB)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(EmptyFile):
        kind_of(b"")


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_one_of_the_kinds_or_refused(content: bytes) -> None:
    with contextlib.suppress(UnsupportedFile):
        assert kind_of(content) in KINDS


@given(st.sampled_from([content for content, _ in HONEST.values()]), st.data())
def test_a_damaged_file_is_one_of_the_kinds_or_refused(content: bytes, data: st.DataObject) -> None:
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnsupportedFile):
        assert kind_of(bytes(damaged)) in KINDS


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd.txt"),
        ("C:\\Users\\anna\\notes.txt", "notes.txt"),
        ("evil.html", "evil.html.txt"),
        ("program.exe", "program.exe.txt"),
        ("a\u202etxt.exe", "atxt.exe.txt"),
        ("line\r\nSet-Cookie: x.txt", "lineSet-Cookie_ x.txt"),
        ('quo"te.txt', "quo_te.txt"),
        ("quo%22te.txt", "quo_te.txt"),
        ("50% off; a=b, it's.txt", "50% off; a=b, it's.txt"),
        ("..", "attachment.txt"),
        ("", "attachment.txt"),
        (None, "attachment.txt"),
        (".htaccess", "htaccess.txt"),
        ("con.txt", "_con.txt"),
        ("con", "_con.txt"),
        ("домашня робота.txt", "домашня робота.txt"),
        ("x" * 300 + ".txt", "x" * 180 + ".txt"),
        ("😀" * 100 + ".txt", "😀" * 45 + ".txt"),
    ],
)
def test_a_name_is_made_harmless(given: str | None, safe: str) -> None:
    assert safe_name(given, TEXT) == safe


def test_a_name_that_ends_like_another_kind_is_refused() -> None:
    with pytest.raises(MisleadingName):
        safe_name("photo.pdf", PNG)


@given(st.text())
def test_any_name_is_safe_on_disk_and_in_a_header(given: str) -> None:
    try:
        name = safe_name(given, TEXT)
    except MisleadingName:
        return
    header = content_disposition(name)

    assert re.fullmatch(r"[^/\\\x00-\x1f\x7f]+\.\w+", name)
    assert len(name.encode()) <= 190
    assert re.fullmatch(r"attachment; filename=\"[\x20-\x21\x23-\x5b\x5d-\x7e]+\"; filename\*=UTF-8''[A-Za-z0-9._~%-]+", header)


def test_a_picture_is_recognised_whatever_it_is_called() -> None:
    assert safe_name("homework", kind_of(picture("PNG"))) == "homework.png"
