"""Answers that may be kept: strong ETags, and 304 for who has them already (RFC 9110)."""

import hashlib
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from pydantic import TypeAdapter

DAY = "public, max-age=86400"
FOR_EVER = "public, max-age=31536000, immutable"


def answer(request: Request, content: bytes, media_type: str, etag: str, headers: dict[str, str]) -> Response:
    headers = headers | {"ETag": etag}
    if knows(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def knows(request: Request, etag: str) -> bool:
    """Whether If-None-Match names this tag (a list, compared weakly, or `*`)."""
    tags = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return etag in tags or "*" in tags


@dataclass(frozen=True)
class Fixed:
    """A JSON answer that is the same until the next release."""

    content: bytes
    etag: str

    @classmethod
    def of(cls, value: Any) -> "Fixed":
        content = TypeAdapter(Any).dump_json(value)
        return cls(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')

    def answer(self, request: Request) -> Response:
        return answer(request, self.content, "application/json", self.etag, {"Cache-Control": DAY})
