"""JSON log lines on standard output, with the request id of whatever is being worked on."""

import logging
import sys
from typing import Any

import structlog

from shared import context

HIDDEN = frozenset({"password", "token", "access_token", "refresh_token", "authorization", "message", "secret"})


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
    handler = logging.StreamHandler(sys.stdout)
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
