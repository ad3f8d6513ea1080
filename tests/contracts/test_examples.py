"""The examples cover the reference, and their shapes can tell right from wrong."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.types import format_instant
from tests.contracts.examples import ENDPOINTS, FOLDER, filled, load
from tests.contracts.shapes import problems

NOW = datetime.now(UTC)


def test_every_endpoint_of_the_reference_has_an_example_and_nothing_else_has() -> None:
    assert len(ENDPOINTS) == len(set(ENDPOINTS)) == 94
    assert {example.endpoint for example in load()} == set(ENDPOINTS)


def test_every_example_that_answers_anything_says_what() -> None:
    for example in load():
        says = example.answer is not None or bool(example.file_answer)
        assert says == (example.status != 204), example


def test_no_example_is_there_twice() -> None:
    names = [str(example) for example in load()]

    assert sorted(set(names)) == sorted(names)


def test_the_files_hold_only_what_an_example_has() -> None:
    for file in FOLDER.glob("*.json"):
        assert isinstance(json.loads(file.read_text()), list), file


@pytest.mark.parametrize(
    ("shape", "right", "wrong"),
    [
        ("<id>", [1, 2**53], [0, -1, 1.0, True, "1", None]),
        ("<count>", [0, 7], [-1, 0.5, False]),
        ("<amount>", [0, 45.0, 0.01], [-0.01, 45.001, "45.00", True]),
        ("<share>", [0, 0.04, 1], [1.1, "0.5"]),
        ("<stars>", [1, 5], [0, 6, 4.5]),
        ("<text>", ["a"], ["", "  ", 1]),
        ("<text or null>", ["a", None], [""]),
        ("<one of A|B>", ["A", "B"], ["C", None]),
        ("<instant>", ["2025-01-24T10:30:00.000Z"], ["2025-01-24T10:30:00Z", "2025-13-24T10:30:00.000Z", 1]),
        ("<now>", [format_instant(NOW)], [format_instant(NOW - timedelta(days=1)), "now"]),
        ("<url>", ["https://example.com/a"], ["/a", "example.com", 1]),
        ("<clock>", ["00:00", "24:00"], ["24:01", "9:00"]),
        (45.0, [45, 45.0], [45.5, "45"]),
        (True, [True], [1, "true"]),
        (None, [None], [0, ""]),
        ({"a": 1}, [{"a": 1, "b": 2}], [{}, {"a": 2}, [1]]),
        (["en", "es"], [["en", "es"]], [["es", "en"], ["en"]]),
        ([{"a": "<id>"}], [[{"a": 1}, {"a": 2}]], [[], [{"a": 1}, {"a": 0}]]),
        ({"<each>": {"a": "<id>"}, "<some>": [{"a": 2}]}, [[{"a": 1}, {"a": 2}]], [[], [{"a": 1}], [{"a": 2}, {"a": 0}]]),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",  # the time is in the values
)
def test_a_shape_takes_what_is_right_and_nothing_else(shape: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if problems(shape, value)] == []
    assert [value for value in wrong if not problems(shape, value)] == []


def test_a_place_becomes_what_is_known() -> None:
    known = {"booking": {"id": 7}, "tutor_id": 5}

    assert filled({"a": "{booking.id}", "b": ["/x/{tutor_id}/{booking.id}"], "c": 1}, known) == {"a": 7, "b": ["/x/5/7"], "c": 1}
    with pytest.raises(KeyError):
        filled("{nobody.id}", known)
