"""The addresses that the gateway answers itself."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway import console, docs
from gateway.clients import Networks
from gateway.console import Console
from gateway.docs import Docs
from gateway.health import Health
from gateway.page import Page, among
from gateway.server.request import Request
from shared.errors import NotFound, Refusal

METHODS = ("GET", "HEAD")
ROUTES = frozenset({"/health", "/health/live", "/health/ready", "/metrics", *docs.ROUTES, *console.ROUTES})
NO_STORE = b"cache-control: no-store\r\n"
LIVE = b'{"status": "healthy"}'
DRAINING = b'{"status": "draining"}'


class MethodNotAllowed(Refusal):
    status = 405
    detail = "Only GET and HEAD are possible here."

    def __init__(self) -> None:
        super().__init__(headers={"Allow": ", ".join(METHODS)})


class Own:
    """Health, metrics, documentation and the administrators' page.

    Metrics are for `observers`: to others, and through a proxy, they do not exist."""

    def __init__(self, health: Health, docs: Docs, observers: Networks) -> None:
        self._health, self._docs, self._console, self._observers = health, docs, Console(), observers
        self.draining = False

    def owns(self, path: str) -> bool:
        return among(path, ROUTES)

    async def serve(self, path: str, request: Request, peer: str) -> Page:
        """Raises `Refusal`."""
        if request.method not in METHODS:
            raise MethodNotAllowed
        if self._docs.owns(path):
            return await self._docs.serve(path, request.known_tag)
        if self._console.owns(path):
            return self._console.serve(path, request.known_tag)
        if path == "/health":
            status, body = await self._health.report()
            return Page(status, body, NO_STORE)
        if path == "/health/live":
            return Page(200, LIVE, NO_STORE)
        if path == "/health/ready":
            return Page(503 if self.draining else 200, DRAINING if self.draining else LIVE, NO_STORE)
        if request.forwarded or not self._observers.contain(peer):
            raise NotFound
        return Page(200, generate_latest(), NO_STORE, CONTENT_TYPE_LATEST.encode())
