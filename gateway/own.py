"""The addresses that the gateway answers itself."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.answers import Send, answer
from gateway.clients import is_private
from gateway.docs import Docs
from gateway.health import Health
from gateway.visit import Visit
from shared.errors import NotFound, Refusal

LIVE = b'{"status": "healthy"}'
DRAINING = b'{"status": "draining"}'


class MethodNotAllowed(Refusal):
    status = 405
    detail = "Only GET and HEAD are possible here."

    def __init__(self) -> None:
        super().__init__(headers={"Allow": "GET, HEAD"})


class Own:
    """Health, metrics and documentation. Metrics are for our own network: to others, and through a proxy, they do not exist."""

    def __init__(self, health: Health, docs: Docs) -> None:
        self._health, self._docs = health, docs
        self.draining = False

    def owns(self, path: str) -> bool:
        return path in ("/health", "/health/live", "/health/ready", "/metrics") or self._docs.owns(path)

    async def serve(self, path: str, visit: Visit, send: Send) -> int:
        """Raises `Refusal`."""
        inbound, headers = visit.inbound, visit.headers
        if inbound.method not in ("GET", "HEAD"):
            raise MethodNotAllowed
        if self._docs.owns(path):
            return await self._docs.serve(path, inbound.known_tag, send, headers)
        headers = [*headers, (b"cache-control", b"no-store")]
        if path == "/health":
            status, body = await self._health.report()
            return await answer(send, status, body, headers)
        if path == "/health/live":
            return await answer(send, 200, LIVE, headers)
        if path == "/health/ready":
            return await answer(send, 503 if self.draining else 200, DRAINING if self.draining else LIVE, headers)
        if inbound.forwarded or not is_private(visit.peer):
            raise NotFound
        return await answer(send, 200, generate_latest(), headers, CONTENT_TYPE_LATEST.encode())
