"""Requests that carry a file: refused as soon as they announce or bring more than is allowed, before anything of it is kept."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message

from services.messaging.attachments import MAX_SIZE, FileTooLarge
from shared.auth import bearer
from shared.errors import Unauthorized
from shared.uploads import UPLOADS

MAX_BODY = MAX_SIZE + 256 * 1024  # the file, the words and what multipart puts around them


class UploadRoute(APIRoute):
    """A route whose body is counted while it arrives, from people who are signed in, a few at a time."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            actor = await bearer(request)  # the body is read before what the route depends on
            if actor is None:
                raise Unauthorized
            with UPLOADS.one(actor.user_id):
                return await handle(Request(request.scope, _Counted(request).receive))

        return bounded


class _Counted:
    def __init__(self, request: Request) -> None:
        self._receive = request.receive
        self._left = MAX_BODY
        announced = request.headers.get("content-length", "")
        if announced.isdigit():
            self._refuse_beyond(int(announced))

    async def receive(self) -> Message:
        message = await self._receive()
        size = len(message.get("body", b""))
        self._refuse_beyond(size)
        self._left -= size
        return message

    def _refuse_beyond(self, size: int) -> None:
        if size > self._left:
            raise HTTPException(413, FileTooLarge.detail)  # the one kind of exception that FastAPI's form parser lets through
