"""Everything a request meets on its way, shared by all requests. Put together by `gateway.wiring`."""

import random
from dataclasses import dataclass

from gateway import metrics
from gateway.access import AccessLog
from gateway.allowance import Allowance
from gateway.clients import Client, TrustedProxies
from gateway.exchange import Exchange
from gateway.guard import Guard
from gateway.outgoing import NOTHING_LOADED, Cors, common
from gateway.own import Own
from gateway.routes import Routes
from gateway.server.protocol import EdgeProtocol
from gateway.server.refused import Refused
from gateway.server.request import Request
from gateway.server.turn import Turn
from gateway.tunnel import Tunnels
from gateway.upstream.pool import Pool


@dataclass(frozen=True, slots=True)
class NoRequest:
    """What the access log says of something that was refused before it was a request."""

    request: Request
    client: Client
    status: int
    template: str = "refused"
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Front:
    """What `Exchange` works with."""

    routes: Routes
    guard: Guard
    pools: dict[str, Pool]
    tunnels: Tunnels
    own: Own
    cors: Cors
    proxies: TrustedProxies
    access: AccessLog
    allowance: Allowance  # of memory for bodies that are awaited

    def answer(self, protocol: EdgeProtocol, request: Request) -> Exchange:
        """Somebody to answer this request, when its turn comes."""
        return Exchange(self, protocol, request)

    def client(self, protocol: EdgeProtocol, request: Request) -> Client:
        """Who is asking. On one connection it is mostly the same client, asking for the same host."""
        known = protocol.client
        if known is None or known.host != request.host or (request.forwarded is not None and self.proxies):
            known = self.proxies.client(protocol.peer, protocol.scheme, request.host, request.forwarded)
            if request.forwarded is None or not self.proxies:
                protocol.client = known
        return known

    def new_id(self) -> bytes:
        """A request id: unlike others, not secret."""
        return b"%032x" % random.getrandbits(128)

    def note(self, exchange: Exchange, seconds: float) -> None:
        """A request is over."""
        labels = (exchange.service, exchange.request.method, exchange.template, str(exchange.status))
        metrics.requests.observe(labels, seconds)
        self.access.write(exchange, seconds)

    def refuse(self, protocol: EdgeProtocol, refused: Refused, turn: Turn | None) -> bytes:
        """Note what could not be a request, or came too slowly, and word its answer. A `turn` that has begun notes itself."""
        metrics.refused.labels(str(refused.status), refused.code).inc()
        if turn is not None:
            request = turn.request
        else:
            request = Request()
            request.method, request.request_id = "-", self.new_id()
            client = protocol.client or Client(protocol.peer, protocol.peer, protocol.scheme, b"")
            self.access.write(NoRequest(request, client, refused.status), 0.0)
        lines = common(request, self.cors, https=protocol.scheme == "https")
        return refused.answer(protocol.date_line() + lines + NOTHING_LOADED)
