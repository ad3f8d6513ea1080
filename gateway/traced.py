"""Requests of a traced gateway: each is a span, and the service is told of it. Elsewhere none of this is loaded or run."""

from gateway.exchange import Exchange
from gateway.front import Front
from gateway.server.protocol import EdgeProtocol
from gateway.server.request import Request
from shared import tracing
from shared.spans import OpenSpan, Spans

HEADER = b"traceparent: "


class TracedFront(Front):
    """Takes the place of `Front` when the process is traced."""

    __slots__ = ("spans",)
    spans: Spans

    def trace(self, spans: Spans) -> "TracedFront":
        object.__setattr__(self, "spans", spans)  # the parent's dataclass is frozen
        return self

    def answer(self, protocol: EdgeProtocol, request: Request) -> Exchange:
        return TracedExchange(self, protocol, request)

    def note(self, exchange: Exchange, seconds: float) -> None:
        super().note(exchange, seconds)
        if isinstance(exchange, TracedExchange):
            exchange.note_span()


class TracedExchange(Exchange):
    """A request whose way is noted. Our own pages are not: a health check every second is no story."""

    front: TracedFront
    span: OpenSpan

    def begin(self) -> None:
        request = self.request
        given = next((line for line in request.lines if line.startswith(HEADER)), b"")
        parent = tracing.valid(given.removeprefix(HEADER).strip().decode("latin-1"))
        self.span = self.front.spans.start(request.method, "server", parent)
        request.lines = [line for line in request.lines if not line.startswith(HEADER)]
        request.lines.append(b"%b%b\r\n" % (HEADER, self.span.traceparent.encode()))
        super().begin()

    def note_span(self) -> None:
        if self.template == "own" or "span" not in self.__dict__:
            return
        span = self.span
        span.rename(f"{self.request.method} {self.template}")
        span.note("http.request.method", self.request.method)
        span.note("http.route", self.template)
        span.note("http.response.status_code", self.status)
        span.note("edustream.service", self.service)
        span.note("edustream.request_id", self.request.request_id.decode())
        if self.status >= 500:
            span.fail()
        span.end()
