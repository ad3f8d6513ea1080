"""Log lines: in order, soon, and all of them."""

import asyncio
import errno
import io
import logging
from collections.abc import Iterator

import pytest

from shared.logs import Gathering
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

    assert [record.getMessage() for record in failures] == ["at once", "a moment later"]
    assert stream.getvalue() == "again\n"
