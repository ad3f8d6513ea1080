"""`/openapi.json`, `/docs` and `/redoc`: the merged document, and two readers for it whose every byte comes from here."""

import asyncio
import json
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gateway.openapi import merge
from gateway.page import Page, among, tag_of, tagged
from gateway.routes import Routes
from gateway.upstream.fetch import fetch
from gateway.upstream.pool import Pool
from shared import logs
from shared.errors import NotFound, Refusal, Unavailable

ROUTES = ("/openapi.json", "/asyncapi.json", "/docs", "/docs/*", "/redoc")
WITHIN = 3.0
ASK_EVERY = 5.0  # seconds between looks at the services' documents
ASYNCAPI = Path(__file__).parents[1] / "docs" / "asyncapi.json"
TYPES = {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8", ".png": b"image/png"}
START = b"""window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: false,
    presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", validatorUrl: null,
  });
};
"""
REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"  # the one thing that ReDoc would fetch from elsewhere
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>EduStream API</title>
<link rel="icon" href="/docs/favicon.png">{head}</head>
<body>{body}</body>
</html>
"""
SWAGGER = PAGE.format(
    head='<link rel="stylesheet" href="/docs/swagger-ui.css">',
    body='<div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>',
).encode()
REDOC = PAGE.format(
    head="<style>body { margin: 0 }</style>",
    body='<redoc spec-url="/openapi.json"></redoc><script src="/docs/redoc.standalone.js"></script>',
).encode()

log = logs.get(__name__)


class Documents:
    """The merged OpenAPI document, made anew only when a service's own has changed; a service that is down keeps its last one."""

    def __init__(self, pools: dict[str, Pool], routes: Routes, public_url: str) -> None:
        self._pools, self._routes, self._public_url = pools, routes, public_url
        self._looking: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        self._raw: dict[str, bytes] = {}
        self._merged: tuple[bytes, bytes] | None = None

    async def current(self) -> tuple[bytes, bytes]:
        """The document and its entity tag. Raises `Unavailable` while no service has given one. Whoever comes when it is time to
        look again is not kept waiting for a service that hangs: the next one gets what was found."""
        if self._looking is None and (self._merged is None or time.monotonic() - self._asked_at > ASK_EVERY):
            self._looking = asyncio.create_task(self._look())
        if self._merged is None and self._looking is not None:
            await asyncio.shield(self._looking)
        if self._merged is None:
            raise Unavailable("No service has said yet what it offers.")
        return self._merged

    async def _look(self) -> None:
        try:
            await self._ask()
        except Exception:  # nobody may be waiting for it
            log.exception("documents_not_merged")
        finally:
            self._asked_at, self._looking = time.monotonic(), None

    async def _ask(self) -> None:
        found = await asyncio.gather(*(_document(pool) for pool in self._pools.values()))
        raw = self._raw | {name: body for name, body in zip(self._pools, found, strict=True) if body is not None}
        if raw == self._raw and (self._merged is not None or not raw):
            return
        self._raw = raw
        documents = {name: json.loads(body) for name, body in raw.items()}
        body = json.dumps(merge(documents, self._routes, self._public_url), ensure_ascii=False).encode()
        self._merged = body, tag_of(body)


async def _document(pool: Pool) -> bytes | None:
    try:
        status, body = await fetch(pool, "/openapi.json", WITHIN)
    except (Refusal, TimeoutError):
        return None
    return body if status == 200 and _is_object(body) else None


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


class Docs:
    """Serves the document and its readers."""

    def __init__(self, documents: Documents, public_url: str) -> None:
        self._documents = documents
        self._assets = {"start.js": START} | _assets()
        self._asyncapi = ASYNCAPI.read_bytes(), tag_of(ASYNCAPI.read_bytes())
        self._tags = {name: tag_of(body) for name, body in self._assets.items()}
        self._policy = (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            f"font-src 'self' data:; connect-src 'self' {public_url}; worker-src blob:; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
        ).encode()

    def owns(self, path: str) -> bool:
        return among(path, ROUTES)

    async def serve(self, path: str, known_tag: bytes) -> Page:
        """Raises `Refusal`."""
        if path in ("/openapi.json", "/asyncapi.json"):
            body, tag = await self._documents.current() if path == "/openapi.json" else self._asyncapi
            return tagged(body, tag, known_tag, b"no-cache", b"application/json")
        if path in ("/docs", "/redoc"):
            policy = b"content-security-policy: %b\r\n" % self._policy
            return Page(200, SWAGGER if path == "/docs" else REDOC, policy, b"text/html; charset=utf-8")
        name = path.removeprefix("/docs/")
        if name not in self._assets:
            raise NotFound
        return tagged(self._assets[name], self._tags[name], known_tag, b"public, max-age=3600", TYPES[Path(name).suffix])


def _assets() -> dict[str, bytes]:
    """Swagger UI and ReDoc as the package `fastapi-offline` carries them; the package itself is found, not imported."""
    spec: Any = find_spec("fastapi_offline")
    folder = Path(spec.submodule_search_locations[0]) / "static"
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix in TYPES}
    return {name: body.replace(REDOC_LOGO, b"/docs/favicon.png") for name, body in files.items()}
