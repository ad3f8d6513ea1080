"""The ASGI application: request id, route, token and limit, then the service; or one of the gateway's own addresses."""

import time
from typing import Any

from gateway import metrics
from gateway.access import AccessLog
from gateway.answers import Receive, Send, answer, refuse
from gateway.clients import TrustedProxies
from gateway.guard import Guard
from gateway.inbound import Inbound
from gateway.outbound import Cors, common
from gateway.own import Own
from gateway.paths import canonical
from gateway.proxy import AnswerCut, ClientGone, forward
from gateway.routes import Routes
from gateway.tunnel import Tunnels
from gateway.upstream.pool import Pool
from gateway.visit import Visit
from shared.errors import BadRequest, NotFound, Refusal


class BadPath(BadRequest):
    detail = "This address could be read in two ways."


class Gateway:
    """Everything a request meets, in order. Put together by `gateway.wiring`."""

    def __init__(
        self,
        *,
        routes: Routes,
        guard: Guard,
        pools: dict[str, Pool],
        tunnels: Tunnels,
        own: Own,
        cors: Cors,
        proxies: TrustedProxies,
        access: AccessLog,
    ) -> None:
        self._routes, self._guard, self._pools, self._tunnels = routes, guard, pools, tunnels
        self._own, self._cors, self._proxies, self._access = own, cors, proxies, access

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        inbound = Inbound(scope)
        peer = scope["client"][0] if scope["client"] else "127.0.0.1"
        client = self._proxies.client(peer, scope["scheme"], inbound.host, inbound.forwarded)
        visit = Visit(inbound, client, peer, common(inbound, self._cors, https=client.scheme == "https"))
        try:
            visit.status = await self._serve(visit, scope, receive, send)
        except Refusal as refusal:
            visit.status = await refuse(send, refusal, visit.headers)
        except AnswerCut:
            visit.status = 502  # the answer stays unfinished, and so the server cuts the client's connection
        except ClientGone:
            pass
        finally:
            seconds = time.perf_counter() - started
            metrics.requests.observe((visit.service, inbound.method, visit.route, str(visit.status)), seconds)
            self._access.write(visit, seconds)

    async def _serve(self, visit: Visit, scope: dict[str, Any], receive: Receive, send: Send) -> int:
        inbound, headers = visit.inbound, visit.headers
        if inbound.preflight and inbound.origin and inbound.method == "OPTIONS":
            return await answer(send, 204, b"", headers + self._cors.preflight(headers))
        path = canonical(scope["raw_path"])
        if path is None:
            raise BadPath
        route = self._routes.find(path)
        if route is None:
            if not self._own.owns(path):
                raise NotFound
            visit.route = "own"
            return await self._own.serve(path, visit, send)
        visit.route, visit.service = route.template, route.service
        await self._guard.admit(route, visit)
        pool = self._pools[route.service]
        if route.websocket:
            return await self._tunnels.open(pool, visit, path, scope["extensions"].get("gateway.takeover"), send)
        return await forward(pool, route, visit, path, receive, send)
