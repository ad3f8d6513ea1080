"""JSON log lines on standard output, with the request id of whatever is being worked on."""

import asyncio
import logging
import sys
import threading
from typing import Any, TextIO, cast

import structlog

from shared import context

GATHERED_FOR = 0.05  # seconds
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
            self._lines.append(self.format(record) + self.terminator)
        except Exception:
            self.handleError(record)
            return
        loop = None if record.levelno > logging.INFO else asyncio._get_running_loop()
        if loop is None:
            self._flush_for(record)
        elif self._promised is not loop:
            self._promised = loop
            loop.call_later(GATHERED_FOR, self._flush_for, record)

    def flush(self) -> None:
        with cast("threading.RLock", self.lock):
            lines, self._lines, self._promised = self._lines, [], None
            if lines:
                self.stream.write("".join(lines))
            super().flush()

    def _flush_for(self, record: logging.LogRecord) -> None:
        """A log that cannot be written (a full disk, a reader who is gone) must not break what logs."""
        try:
            self.flush()
        except Exception:
            self.handleError(record)


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog's and the standard library's records of this process to standard output as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _where,
        _hide,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = Gathering(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.getLevelName(level)
    for noisy in ("httpx", "httpcore", "aiormq", "aio_pika", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
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
