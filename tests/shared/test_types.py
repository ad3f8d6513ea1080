"""Texts as people may send them, and as nobody should."""

import time
import unicodedata

import pytest
from pydantic import TypeAdapter, ValidationError

from shared import types

TEXTS = [types.Name, types.Title, types.Headline, types.SearchTerm, types.Reason, types.Note, types.LongText]
ACUTE, BELOW = "\u0301", "\u0323"  # marks that NFC puts into another order when they stand so


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("unit", [ACUTE + BELOW, "\u0f73", "a" + ACUTE * 40], ids=["marks", "marks of class 0", "letters"])
def test_a_megabyte_of_marks_is_refused_in_no_time(kind: type[str], unit: str) -> None:
    """To put them into order takes minutes, in which the process does nothing else."""
    started = time.monotonic()
    for length in (5000, 20_000, 1_000_000):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python("a" + unit * (length // len(unit)))

    assert time.monotonic() - started < 1


@pytest.mark.parametrize("kind", [types.Reason, types.Note, types.LongText])
@pytest.mark.parametrize("separator", ["\u2028", "\u2029"])
def test_lines_as_word_processors_break_them_are_lines(kind: type[str], separator: str) -> None:
    assert TypeAdapter(kind).validate_python(f"one{separator}two") == "one\ntwo"
    with pytest.raises(ValidationError, match="single line"):
        TypeAdapter(types.Name).validate_python(f"one{separator}two")


def test_a_letter_may_have_thirty_marks_and_no_more() -> None:
    name = TypeAdapter(types.Name)

    assert name.validate_python("a" + BELOW * 30)
    with pytest.raises(ValidationError, match="combining marks"):
        name.validate_python("a" + BELOW * 31)


def test_every_character_that_becomes_only_marks_is_counted_as_one() -> None:
    characters = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    starters = (c for c in characters if not unicodedata.combining(c))
    become_marks = [c for c in starters if unicodedata.combining(unicodedata.normalize("NFD", c)[0])]

    assert "".join(become_marks) == types._MARKS_AS_STARTERS


def test_the_length_that_counts_is_that_of_the_normalised_text() -> None:
    name = TypeAdapter(types.Name)

    assert name.validate_python("  " + ("e" + ACUTE) * 100 + " " * 1000) == "é" * 100
    assert name.validate_python("\u03b1\u0313\u0301\u0345" * 100) == "ᾄ" * 100
    with pytest.raises(ValidationError, match="at most 100"):
        name.validate_python("é" * 101)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(("text", "said"), [("  ", "at least 1 character"), ("é" * 5001, r"at most \d+ characters")])
def test_people_are_told_of_characters(kind: type[str], text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=f"String should have {said}"):
        TypeAdapter(kind).validate_python(text)
