"""The HTTP face of a service: request ids, one error shape, health, metrics, access log."""

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, iter_route_contexts
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import answers, context, logs, metrics, tracing
from shared.errors import Refusal, UnsupportedMediaType, problem
from shared.settings import ServiceSettings

F = TypeVar("F", bound=Callable[..., Any])
REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
QUIET = ("/health", "/metrics")
MOST_ERRORS = 50  # told of one request: a list of half a million wrong things needs no answer of 50 MB
OF_FIELD = re.compile(r"([a-z_]+): (.+)", re.DOTALL)
TEXTS = {
    "json_invalid": "This is not valid JSON",
    "model_attributes_type": "Send an object",
    "string_pattern_mismatch": "This is not written as it has to be",
    "string_unicode": "This holds half of a character",
}
"""For people, where a library's words are for programmers."""
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified: the client has it already"}}

log = logs.get(__name__)


class FieldProblem(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """The one shape of every error."""

    detail: str
    code: str
    errors: list[FieldProblem] | None = None


class Application(FastAPI):
    """Its document says of each route what may go wrong there, and not merely that something may."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema:
            return self.openapi_schema
        document = super().openapi()
        for route in iter_route_contexts(self.routes):
            for method in (route.methods or ()) if isinstance(route.original_route, APIRoute) else ():
                if operation := document["paths"].get(route.path_format, {}).get(method.lower()):
                    said = {k: v for k, v in operation["responses"].items() if k not in answers.ANY_STATUS}
                    operation["responses"] = said | answers.of(route)
        return document


class NotOfThisType(UnsupportedMediaType):
    code = "unsupported_media_type"


def create_app(
    settings: ServiceSettings,
    routers: tuple[APIRouter, ...],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
) -> FastAPI:
    """A FastAPI application with everything that is the same in every service."""
    name = settings.service
    app = Application(
        title=f"EduStream {name}",
        version="1.0.0",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        responses={status: {"model": Problem} for status in answers.ANY_STATUS},
        generate_unique_id_function=lambda route: f"{name}_{route.name}",
    )
    app.state.settings = settings
    for router in (*routers, _operations()):
        app.include_router(router)
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UnicodeEncodeError, _not_unicode)
    app.add_exception_handler(ClientDisconnect, _cut_short)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(Observed, service=name)
    return app


def invalid_is_400(endpoint: F) -> F:
    """The contract answers 400, not 422, for an invalid body of this endpoint."""
    endpoint.__dict__["invalid_status"] = 400
    return endpoint


def never_answers(*refusals: type[Refusal]) -> Callable[[F], F]:
    """The document does not name these, of which the endpoint's code speaks: it catches them, or can never come to them."""

    def mark(endpoint: F) -> F:
        endpoint.__dict__["never"] = set(refusals)
        return endpoint

    return mark


def answers_file(*media_types: str, may_be_known: bool = False) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers a file; `may_be_known`: 304 to a client that has it already (If-None-Match)."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}
    return {200: {"description": "The file", "content": content}} | (NOT_MODIFIED if may_be_known else {})


class Observed:
    """Gives each request its id, and afterwards a metric and a log line. HEAD is GET, of which the server sends no body."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if REQUEST_ID.match(given) else uuid.uuid4().hex
        context.request_id.set(request_id)
        context.traceparent.set(tracing.valid(headers.get(b"traceparent", b"").decode("latin-1")))
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        status, started = 500, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            if scope["path"].startswith(QUIET):
                await self.app(asked, receive, send_with_id)
            else:
                with tracing.span(scope["method"], "server") as span:
                    await self.app(asked, receive, send_with_id)
                    _describe(span, scope["method"], _template(asked), status)
        finally:
            self._record(scope["method"], _template(asked), status, time.perf_counter() - started)

    def _record(self, method: str, path: str, status: int, seconds: float) -> None:
        metrics.requests.labels(self.service, method, path, status).observe(seconds)
        if not path.startswith(QUIET):
            log.info("request", method=method, route=path, status=status, ms=round(seconds * 1000, 1))


def _template(scope: Scope) -> str:
    route = scope.get("route")
    return route.path if isinstance(route, APIRoute) else "unmatched"


def _describe(span: tracing.Span, method: str, path: str, status: int) -> None:
    span.rename(f"{method} {path}")
    span.note("http.request.method", method)
    span.note("http.route", path)
    span.note("http.response.status_code", status)
    if status >= 500:
        span.fail()


def _operations() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "healthy"}

    @router.get("/health/ready")
    async def ready(request: Request) -> Response:
        try:
            async with asyncio.timeout(2):
                await request.app.state.database.check()
        except (Refusal, TimeoutError):
            return JSONResponse({"status": "unhealthy", "database": "disconnected"}, 503)
        return JSONResponse({"status": "healthy", "database": "connected"})

    @router.get("/openapi.json")
    async def document(request: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(request.app.openapi))  # the first time it takes a second

    @router.get("/metrics")
    async def exported() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def _of_another_type(request: Request) -> NotOfThisType | None:
    """The refusal of a body that says (or does not say) to be of a type that the route does not take. Looked at only when
    something is wrong with a request: such a body cannot have been valid, and whoever has to sign in first was told that."""
    route = request.scope.get("route")
    taken = set((getattr(route, "openapi_extra", None) or {}).get("requestBody", {}).get("content", ()))
    if not taken and (field := getattr(route, "body_field", None)):
        taken = {field.field_info.media_type}
    if not taken or not _has_body(request) or taken & _types_of(request):
        return None
    return NotOfThisType(f"Send the body as {' or '.join(sorted(taken))}, and say so in Content-Type.")


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _types_of(request: Request) -> set[str]:
    """What the body is said to be, and the more general type that it is thereby, too (RFC 6839)."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return {said, "application/json"} if re.fullmatch(r"application/[^/]+\+json", said) else {said}


async def _refusal(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)  # noqa: S101  registered for it
    if error.status in (400, 422):
        error = _of_another_type(request) or error
    return JSONResponse(error.body(), error.status, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for it
    if other := _of_another_type(request):
        return JSONResponse(other.body(), other.status)
    wrong = [_told(e["type"], e["loc"], e["msg"]) for e in error.errors()[:MOST_ERRORS]]
    wrong = [w for n, w in enumerate(wrong) if w not in wrong[:n]]
    detail = "; ".join(f"{w['field']}: {w['message']}" for w in wrong[:5])
    status = getattr(request.scope.get("endpoint"), "invalid_status", 422)
    return JSONResponse(problem(detail, "validation_error", wrong), status)


def _told(kind: str, location: tuple[int | str, ...], message: str) -> dict[str, str]:
    """One thing that is wrong, for a form to show at its field, and in words for a person. What concerns several fields begins
    with the name of the one to change."""
    place, *path = location
    message = message.removeprefix("Value error, ")
    if place != "body":  # what follows the name of a parameter are the types that it might have had
        path = path[:1]
    elif kind == "json_invalid":  # what follows is where
        path = []
    elif kind == "value_error" and (not path or isinstance(path[-1], int)) and (found := OF_FIELD.fullmatch(message)):
        path, message = [*path, found[1]], found[2]
    text = "Send a file" if message.startswith("Expected UploadFile") else TEXTS.get(kind, message)
    return {"field": ".".join(map(str, path)) or str(place), "message": text}


async def _not_unicode(request: Request, _error: Exception) -> JSONResponse:
    """JSON can spell half a character (`"\\ud800"`), which nothing can store; where no field's type saw it, it ends here."""
    status = getattr(request.scope.get("endpoint"), "invalid_status", 422)
    return JSONResponse(problem("A text holds half of a surrogate pair.", "validation_error"), status)


async def _cut_short(_request: Request, _error: Exception) -> JSONResponse:
    """The client left while a route was reading its body: nobody hears the answer, but the log must not call it our failure."""
    return JSONResponse(problem("The body ended before it was whole.", "bad_request"), 400)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for it
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "bad_request")
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return JSONResponse(problem(str(error.detail), code), error.status_code, headers)


def _allowed(request: Request) -> str:
    """Every method of this path (RFC 9110 10.2.1). Starlette names those of the first route that matches it."""
    routes = request.app.router.routes
    asked = {method: {**request.scope, "method": method} for method in METHODS}
    taken = [m for m, scope in asked.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]
    return ", ".join(sorted(taken + ["HEAD"] * ("GET" in taken)))


async def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    """Nothing internal leaks; the request id finds the log line."""
    request_id = context.request_id.get()
    return JSONResponse(problem(f"Something went wrong on our side (request {request_id}).", "internal_error"), 500)
