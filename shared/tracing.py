"""Traces: spans that go from the gateway to whoever hears an event. Off, and nothing is imported for them, unless
OTEL_EXPORTER_OTLP_ENDPOINT says where they are collected.

The span being worked in is known by its W3C traceparent in `shared.context`, which every log line and every event has, too."""

import re
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from shared import context

if TYPE_CHECKING:
    from shared.spans import Spans

Kind = Literal["server", "client", "producer", "consumer", "internal"]
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
HERE = "the span being worked in"


class Span:
    """What a block of work is noted as. This one, of a process that is not traced, notes nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def rename(self, name: str) -> None:
        """Give a better name, now that it is known."""

    def note(self, key: str, value: str | int) -> None:
        """Add what is worth knowing, under its name in OpenTelemetry's conventions."""

    def fail(self) -> None:
        """It did not do what it was to do."""


class _Tracing:
    spans: "Spans | None" = None


NOTHING = Span()
_tracing = _Tracing()


def begin(service: str, endpoint: str) -> None:
    """Trace this process, if `endpoint` is given."""
    if endpoint:
        from shared.spans import Spans  # a third of a second of a start

        _tracing.spans = Spans(service, endpoint)


def end() -> None:
    """Send what was noted last, if this process is traced."""
    if _tracing.spans is not None:
        _tracing.spans.end()


def spans() -> "Spans | None":
    """What starts the spans of this process; None when it is not traced."""
    return _tracing.spans


def span(name: str, kind: Kind = "internal", parent: str | None = HERE) -> Span:
    """A block of work, as `with span(…):`. Its parent is a traceparent, or None for the first span of a new trace."""
    if _tracing.spans is None:
        return NOTHING
    return _tracing.spans.start(name, kind, context.traceparent.get() if parent is HERE else parent)


def step(name: str, kind: Kind = "internal") -> Span:
    """A part of something traced; nothing where nothing is (a health check, a poll)."""
    if _tracing.spans is None or context.traceparent.get() is None:
        return NOTHING
    return _tracing.spans.start(name, kind, context.traceparent.get())


def valid(traceparent: str | None) -> str | None:
    """A traceparent as it came from outside, if it is one."""
    return traceparent if traceparent and TRACEPARENT.fullmatch(traceparent) else None
