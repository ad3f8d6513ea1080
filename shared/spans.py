"""Spans by the OpenTelemetry SDK, sent to a collector over HTTP. Imported only by processes that are traced."""

import threading
from types import TracebackType
from typing import Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan

from shared import context, tracing

FAREWELL = 3.0  # seconds


class Spans:
    """Starts the spans of a process. Sampling, batching and headers are configured by the SDK's own `OTEL_` variables."""

    def __init__(self, service: str, endpoint: str) -> None:
        resource = Resource.create({"service.name": service, "service.namespace": "edustream"})
        self._provider = provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
        self._tracer = provider.get_tracer("edustream")

    def end(self) -> None:
        """Send what is left. A collector that does not answer must not hold up the process for as long as the SDK would try."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(FAREWELL)

    def start(self, name: str, kind: tracing.Kind, parent: str | None) -> "OpenSpan":
        return OpenSpan(self._tracer.start_span(name, _parent(parent), SpanKind[kind.upper()]))


class OpenSpan(tracing.Span):
    """A span that has begun. As a block it is what is worked in; without one, whoever began it calls `end`."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        self._before: str | None = None

    @property
    def traceparent(self) -> str:
        known = self._span.get_span_context()
        return f"00-{known.trace_id:032x}-{known.span_id:016x}-{known.trace_flags:02x}"

    def __enter__(self) -> Self:
        self._before = context.traceparent.get()
        context.traceparent.set(self.traceparent)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        context.traceparent.set(self._before)
        if kind is not None and issubclass(kind, Exception):
            self.note("error.type", kind.__name__)  # not its text: it may hold what is private
            self.fail()
        self.end()

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, key: str, value: str | int) -> None:
        self._span.set_attribute(key, value)

    def fail(self) -> None:
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        self._span.end()


def _parent(traceparent: str | None) -> Context:
    """An empty context, so a new trace, if there is none or none that can be read."""
    if tracing.valid(traceparent) is None or traceparent is None:
        return Context()
    _, trace_id, span_id, flags = traceparent.split("-")
    parent = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16) & 1))
    return set_span_in_context(NonRecordingSpan(parent), Context())
