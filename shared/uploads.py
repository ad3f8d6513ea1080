"""Taking files from multipart requests, without ever holding more of them than is allowed."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.types import Message

from shared.auth import Principal
from shared.errors import Invalid, TooLarge, Unavailable
from shared.pictures import MAX_BYTES, claimed_formats, reencode
from shared.threads import Threads

MOST, MOST_EACH = 12, 6  # the largest take 20 MiB each, of the 512 MiB that a process has in compose and Kubernetes
RETRY_AFTER = 5
AROUND = 64 * 1024  # bytes of multipart headers and other fields that may surround the file
PICTURE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class PictureTooLarge(TooLarge):
    detail = f"The file is too large: at most {MAX_BYTES // 1024 // 1024} MiB."


class Uploads:
    """Those that this process takes in at once. Each is held whole, as a temporary file while it comes and in memory then: a few
    people who send many, slowly, would fill both, and the process would be killed with everything that others do in it."""

    def __init__(self) -> None:
        self._of: Counter[int] = Counter()

    @contextmanager
    def one(self, user_id: int) -> Iterator[None]:
        """Hold a place. Raises `Unavailable` when there is none, or this person has enough of them."""
        if self._of.total() >= MOST or self._of[user_id] >= MOST_EACH:
            raise Unavailable("Too many files are being sent at the moment. Try again.", retry_after=RETRY_AFTER)
        self._of[user_id] += 1
        try:
            yield
        finally:
            self._of[user_id] -= 1
            self._of += Counter()  # forgets who has none


UPLOADS = Uploads()
"""Of this process."""


async def drawn_picture(request: Request, drawing: Threads, actor: Principal) -> bytes:
    """The picture in the form's `file`, decoded and encoded anew. Raises `PictureTooLarge`, and what `pictures` raises."""
    with UPLOADS.one(actor.user_id):
        content, claimed = await _read(request)
        return await drawing.run(reencode, content, claimed)


async def _read(request: Request) -> tuple[bytes, set[str]]:
    limited = Request(request.scope, _Limited(request).receive)
    async with limited.form(max_files=1, max_fields=8) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Invalid("file: Field required", errors=[{"field": "file", "message": "Field required"}])
        claimed = claimed_formats(file.content_type or "", file.filename or "")
        content = await file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise PictureTooLarge
    return content, claimed


class _Limited:
    """Counts a body as it comes in, and refuses it where it passes the limit, announced or not."""

    def __init__(self, request: Request) -> None:
        self._receive = request.receive
        self._left = MAX_BYTES + AROUND
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._left:
            raise PictureTooLarge

    async def receive(self) -> Message:
        message: dict[str, Any] = dict(await self._receive())
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise PictureTooLarge
        return message
