"""The profiles service's rules."""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.profiles.rules.approval import MOVES, Status, Step, WrongStatus, move
from services.profiles.rules.calendar import MIDNIGHT, Span, WindowsOverlap, check_apart, clock, minute_of, oldest_day, time_of
from services.profiles.rules.education import headline_degree
from services.profiles.rules.words import is_literal, query_of, terms_of, words_of

ZONES = sorted(available_timezones())
spans = st.builds(
    lambda day, a, b: Span(day, None, min(a, b), max(a, b)),
    st.integers(0, 2),
    st.integers(0, MIDNIGHT - 1),
    st.integers(1, MIDNIGHT),
).filter(lambda s: s.start_minute < s.end_minute)


@given(st.integers(0, MIDNIGHT))
def test_a_time_of_day_survives_being_written(minute: int) -> None:
    assert minute_of(clock(minute)) == minute
    assert time_of(minute) == time(minute // 60 % 24, minute % 60)


@given(st.from_regex(r"\A([0-2]?\d:[0-6]\d(:0?\d)?\s?|24:00(:00)?\n?)\Z"))
@example("٠٩:٣٠")
@example("09:30\n")
def test_only_times_of_day_are_read(text: str) -> None:
    is_time = re.fullmatch(r"(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)(:00)?", text) is not None
    try:
        minute_of(text)
    except ValueError:
        assert not is_time
    else:
        assert is_time


@given(st.lists(spans, max_size=6))
def test_windows_are_apart_if_no_minute_is_in_two(windows: list[Span]) -> None:
    minutes = [(w.weekday, m) for w in windows for m in range(w.start_minute, w.end_minute)]
    try:
        check_apart(windows)
    except WindowsOverlap:
        assert len(set(minutes)) < len(minutes)
    else:
        assert len(set(minutes)) == len(minutes)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001  UTC is added below
def test_no_day_is_forgotten_while_it_lasts_anywhere(moment: datetime, zone: str) -> None:
    now = moment.replace(tzinfo=UTC)

    local = now.astimezone(ZoneInfo(zone)).date()

    assert oldest_day(now) <= local <= oldest_day(now) + timedelta(days=2)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("step", Step)
def test_only_the_moves_of_the_table_are_made(status: Status, step: Step) -> None:
    if (status, step) in MOVES:
        assert move(status, step) is MOVES[status, step]
    else:
        with pytest.raises(WrongStatus):
            move(status, step)


@pytest.mark.parametrize(
    ("education", "shown"),
    [
        ([], None),
        ([{"degree": "Diploma of Arts", "year": 2024}, {"degree": "PhD in Physics", "year": 2001}], "PhD in Physics"),
        ([{"degree": "B.Sc. Maths", "year": 2020}, {"degree": "M.Sc. Maths", "year": 2010}], "M.Sc. Maths"),
        ([{"degree": "Master of Arts", "year": 2010}, {"degree": "MBA", "year": 2020}], "MBA"),
        ([{"degree": "School", "year": None}], "School"),
    ],
)
def test_the_highest_degree_is_shown_and_of_equals_the_latest(education: list[dict[str, Any]], shown: str | None) -> None:
    assert headline_degree(education) == shown


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("School", "B.S. in Physics"),
        ("School", "Bachelor's degree"),
        ("Associate of Arts", "LL.B."),
        ("B.S.", "M.S."),
        ("BSc", "MS in Computer Science"),
        ("B.A.", "M. Sc. Maths"),
        ("B.Eng.", "MPhil"),
        ("LL.B", "LL.M"),
        ("Bachelor of Law", "JD"),
        ("M.A.", "Ph. D."),
        ("MSc", "M.D."),
        ("M.Ed.", "Dr. phil."),
        ("Magister", "D.Phil"),
    ],
)
def test_degrees_are_known_however_they_are_abbreviated(lower: str, higher: str) -> None:
    assert headline_degree([{"degree": lower, "year": 2020}, {"degree": higher, "year": 2000}]) == higher


@given(st.text(max_size=60))
def test_a_query_holds_nothing_but_words_and_operators(text: str) -> None:
    terms = terms_of(text)

    query = query_of({term: [term, *words_of(text)[:3]] for term in terms})

    assert re.fullmatch(r"(\(('[^\s'\\:*!&|()<>\x00]+'( \| )?)+\)( & )?)*", query)
    assert len(terms) <= 8


@given(st.text(max_size=60))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    assert set(terms_of(text)) <= set(words_of(text))


def test_accents_and_case_do_not_count_and_symbols_do() -> None:
    assert words_of("Élan, C++ — c#; 100% snake_case", None, "élan") == ["100%", "c#", "c++", "elan", "snake_case"]
    assert (is_literal("%"), is_literal("a_b"), is_literal("c+"), is_literal("ab1")) == (True, True, True, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Łódź", ["lodz"]),
        ("Bjørn Đorđe", ["bjorn", "dorde"]),
        ("Æsop's œuvre: Straße", ["aesop", "oeuvre", "s", "strasse"]),
        ("İstanbul ısı", ["isi", "istanbul"]),
        ("Ёлка й Ψυχή", ["елка", "и", "ψυχη"]),
        ("हिन्दी", ["हिन्दी"]),
        ("தமிழ் ภาษาไทย", ["தமிழ்", "ภาษาไทย"]),
        ("שָׁלוֹם", ["שלום"]),
        ("C\ufe0f 葛\ufe00飾", ["c", "葛飾"]),
    ],
)
def test_words_are_whole_in_every_script(text: str, words: list[str]) -> None:
    assert words_of(text) == sorted(unicodedata.normalize("NFKD", word) for word in words)


def test_articles_do_not_count_unless_they_are_all_there_is() -> None:
    assert (terms_of("the art of war"), terms_of("the")) == (["art", "war"], ["the"])


def test_a_span_is_described_as_people_say_it() -> None:
    assert (str(Span(0, None, 540, 1440)), str(Span(None, date(2026, 1, 2), 0, 60))) == (
        "monday 09:00–24:00",
        "2026-01-02 00:00–01:00",
    )
