"""JSON log lines on standard output, with the request id of whatever is being worked on."""

import asyncio
import logging
import sys
import threading
import traceback
from typing import Any, TextIO, cast

import structlog

from shared import context
from shared.errors import describe

GATHERED_FOR = 0.05  # seconds
UNWRITTEN = logging.LogRecord(__name__, logging.ERROR, __file__, 0, "lines could not be written", None, None)
HIDDEN = frozenset({"password", "token", "access_token", "refresh_token", "authorization", "message", "secret"})


class Gathering(logging.StreamHandler[TextIO]):
    """Writes lines together, soon after the first of them: a write for each was a fifth of what a request costs.

    What is worse than INFO is written at once, with what was said before it; so is whatever is said outside of an event loop. A
    process that is killed loses the lines of its last moment, one that ends writes them (`logging.shutdown`)."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []
        self._promised: asyncio.AbstractEventLoop | None = None  # the loop that will write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if record.levelno > logging.INFO:
            self.write_now(line)
        else:
            self.gather(line)

    def gather(self, line: str) -> None:
        self._add(line)
        loop = asyncio._get_running_loop()
        if loop is None:
            self._flush()
        elif self._promised is not loop:
            self._promised = loop
            loop.call_later(GATHERED_FOR, self._flush)

    def write_now(self, line: str) -> None:
        self._add(line)
        self._flush()

    def _add(self, line: str) -> None:
        with cast("threading.RLock", self.lock):  # or another thread writes the list before the line is in it
            self._lines.append(line + self.terminator)

    def flush(self) -> None:
        with cast("threading.RLock", self.lock):
            lines, self._lines, self._promised = self._lines, [], None
            if lines:
                self.stream.write("".join(lines))
            super().flush()

    def _flush(self) -> None:
        """A log that cannot be written (a full disk, a reader who is gone) must not break what logs."""
        try:
            self.flush()
        except Exception:
            self.handleError(UNWRITTEN)


class Lines:
    """Where structlog's lines go, as text already. On the long way through the standard library's loggers, a line for each
    request took four times as long: a twentieth of a request."""

    def __init__(self, name: str, out: Gathering) -> None:
        self.name = name
        self.debug = self.info = out.gather
        self.warning = self.error = self.critical = out.write_now


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog's and the standard library's records of this process to standard output as JSON."""
    described: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _where,
        _hide,
        structlog.processors.ExceptionRenderer(_traceback),
    ]
    rendered = structlog.processors.JSONRenderer()
    handler = Gathering(sys.stdout)
    structlog.configure(
        processors=[*described, rendered],
        logger_factory=lambda name: Lines(name, handler),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=described,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, rendered],
        )
    )
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.getLevelName(level)
    for noisy in ("httpx", "httpcore", "aiormq", "aio_pika", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _where(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if (request_id := context.request_id.get()) is not None:
        event.setdefault("request_id", request_id)
    if (traceparent := context.traceparent.get()) is not None:
        event.setdefault("traceparent", traceparent)
    return event


def _hide(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A last line of defence: a secret logged by mistake under its own name is not written."""
    for key in HIDDEN & event.keys():
        event[key] = "[hidden]"
    return event


def _traceback(exc_info: structlog.typing.ExcInfo) -> str:
    """Where an exception comes from, after all that led to it. Not what they say: that is the values they are about, which may
    be private (pydantic quotes the input, PostgreSQL the row)."""
    known: list[BaseException] = []
    left = [exc_info[1]]
    while left:
        error = left.pop()
        if error not in known:
            known.append(error)
            left += error.exceptions if isinstance(error, BaseExceptionGroup) else ()
            before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
            left += [before] if before else []
    return "\n".join("".join(traceback.format_tb(error.__traceback__)) + describe(error) for error in reversed(known))
