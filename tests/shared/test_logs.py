"""Log lines: in order, soon, and all of them."""

import asyncio
import errno
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from pydantic import TypeAdapter, ValidationError

from shared.logs import Gathering, configure, get
from tests.waiting import eventually


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO) -> Iterator[logging.Logger]:
    made = logging.Logger("tests", logging.INFO)
    handler = Gathering(stream)
    made.addHandler(handler)
    yield made
    handler.close()


async def test_lines_are_written_together_soon_after_the_first(log: logging.Logger, stream: io.StringIO) -> None:
    for number in range(3):
        log.info("line %d", number)
    at_once = stream.getvalue()

    async def written() -> bool:
        return stream.getvalue() == "line 0\nline 1\nline 2\n"

    await eventually(written)
    assert at_once == ""


async def test_a_warning_is_written_at_once_after_what_was_said_before(log: logging.Logger, stream: io.StringIO) -> None:
    log.info("before")
    log.warning("now")

    assert stream.getvalue() == "before\nnow\n"


def test_a_line_of_a_loop_that_ended_is_written_with_the_next(log: logging.Logger, stream: io.StringIO) -> None:
    async def say(line: str) -> None:
        log.info(line)

    asyncio.run(say("first"))
    assert stream.getvalue() == ""
    asyncio.run(say("second"))
    log.info("outside of a loop")

    assert stream.getvalue() == "first\nsecond\noutside of a loop\n"


async def test_what_is_left_is_written_when_the_process_ends(log: logging.Logger, stream: io.StringIO) -> None:
    log.info("last")
    logging.shutdown([lambda: log.handlers[0]])

    assert stream.getvalue() == "last\n"


class Full(io.StringIO):
    """A disk with no space left, until somebody makes some."""

    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize("stream", [Full()])
async def test_a_log_that_cannot_be_written_does_not_break_what_logs(
    log: logging.Logger, stream: Full, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[logging.LogRecord] = []
    monkeypatch.setattr(log.handlers[0], "handleError", failures.append)

    async def told() -> bool:
        return len(failures) == 2

    log.warning("at once")
    log.info("a moment later")
    await eventually(told)
    stream.is_full = False
    log.warning("again")

    assert [record.getMessage() for record in failures] == ["lines could not be written"] * 2
    assert stream.getvalue() == "again\n"


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> Iterator[None]:
    monkeypatch.setattr(sys, "stdout", stream)
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers, root.level
    with structlog.contextvars.bound_contextvars():
        configure("tests", "INFO")
        yield
    root.handlers, root.level = handlers, level
    structlog.configure(**before)


async def test_lines_of_both_kinds_of_loggers_are_in_order(configured: None, stream: io.StringIO) -> None:
    get("ours").info("first", number=1)
    logging.getLogger("theirs").info("second %d", 2)
    get("ours").debug("not wanted")
    get("ours").warning("third")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["first", "second 2", "third"]
    assert [line["logger"] for line in lines] == ["ours", "theirs", "ours"]
    assert [line["level"] for line in lines] == ["info", "info", "warning"]
    assert {line["service"] for line in lines} == {"tests"}
    assert lines[0]["number"] == 1


def test_a_secret_under_its_own_name_is_hidden(configured: None, stream: io.StringIO) -> None:
    get("ours").info("signed in", password="let-me-in")  # it is not to be seen

    assert "let-me-in" not in stream.getvalue()
    assert json.loads(stream.getvalue())["password"] == "[hidden]"


PRIVATE = "jane@example.com"


def be_wrong() -> None:
    try:
        TypeAdapter(int).validate_python(PRIVATE)
    except ValidationError as error:
        raise ExceptionGroup(PRIVATE, [LookupError(PRIVATE), RuntimeError(PRIVATE)]) from error


@pytest.mark.parametrize("of", [lambda: get("ours"), lambda: logging.getLogger("uvicorn.error")])
def test_an_exception_is_told_with_its_traceback_and_what_led_to_it_but_not_with_values(
    configured: None, stream: io.StringIO, of: Callable[[], Any]
) -> None:
    try:
        be_wrong()
    except ExceptionGroup:
        of().exception("not_found")

    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"]) == ("not_found", "error")
    for told in ("int_parsing", "LookupError", "RuntimeError", "ExceptionGroup", "in be_wrong", "validate_python(PRIVATE)"):
        assert told in line["exception"]
    assert PRIVATE not in stream.getvalue()


def test_exceptions_that_led_to_each_other_are_told_once(configured: None, stream: io.StringIO) -> None:
    first, second = LookupError(), RuntimeError()
    first.__cause__, second.__cause__ = second, first
    get("ours").error("odd", exc_info=first)

    assert json.loads(stream.getvalue())["exception"].splitlines() == ["RuntimeError", "LookupError"]
