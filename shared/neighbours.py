"""Asking another service: only to verify before rejecting, with a short timeout and a circuit breaker."""

import secrets
import time
from typing import TypeVar

import httpx
from fastapi import Depends, Request
from pydantic import BaseModel

from shared import context, logs, tracing
from shared.errors import NotFound, describe

M = TypeVar("M", bound=BaseModel)
TIMEOUT = 1.0  # seconds
FAILURES = 3  # in a row, after which the neighbour is left alone for
PAUSE = 5.0  # seconds

log = logs.get(__name__)


class Unreachable(Exception):
    """The neighbour did not answer: trust the replica."""


class Neighbour:
    """One other service, asked at its `/internal` paths."""

    def __init__(self, name: str, url: str, token: str) -> None:
        self._name = name
        self._client = httpx.AsyncClient(
            base_url=url,
            timeout=TIMEOUT,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            limits=httpx.Limits(max_connections=20),
        )
        self._failures = 0
        self._closed_until = 0.0

    async def get(self, kind: type[M], path: str) -> M | None:
        """The resource at `path`, or None where the owner says there is none. Raises `Unreachable`."""
        return await self._ask(kind, "GET", path)

    async def put(self, kind: type[M], path: str, body: BaseModel) -> M | None:
        """Change the resource at `path`, which only its owner can; the resource as it is then, or None where there is none.
        Raises `Unreachable`: the change may or may not have been made."""
        return await self._ask(kind, "PUT", path, body.model_dump(mode="json"))

    async def _ask(self, kind: type[M], method: str, path: str, body: object = None) -> M | None:
        if time.monotonic() < self._closed_until:
            raise Unreachable(self._name)
        try:
            response = await self._send(method, path, body)
            if response.status_code == 404:
                found = None
            else:
                response.raise_for_status()
                found = kind.model_validate(response.json())
        except (httpx.HTTPError, ValueError) as error:
            self._failed(error)
            raise Unreachable(self._name) from error
        self._failures = 0
        return found

    async def _send(self, method: str, path: str, body: object) -> httpx.Response:
        with tracing.step(f"{method} {self._name}", "client"):
            headers = {"X-Request-Id": context.request_id.get() or ""}
            if (traceparent := context.traceparent.get()) is not None:
                headers["traceparent"] = traceparent
            return await self._client.request(method, path, json=body, headers=headers)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        log.warning("neighbour_unreachable", neighbour=self._name, error=describe(error), failures=self._failures)
        if self._failures >= FAILURES:
            self._closed_until = time.monotonic() + PAUSE

    async def close(self) -> None:
        await self._client.aclose()


async def _internal(request: Request) -> None:
    """Only services may call; to anybody else the path does not exist."""
    expected = f"Bearer {request.app.state.settings.internal_token}"
    if not secrets.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
        raise NotFound


Internal = Depends(_internal)
"""A dependency for routers under `/internal`."""
