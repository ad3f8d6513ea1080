"""Pictures of people, for everybody. A name never gets another content, so it may be cached for ever."""

import hashlib
import re
from pathlib import Path

from fastapi import APIRouter, Request, Response

from services.auth.actions.avatars import DEFAULT
from services.auth.routes.dependencies import Files
from shared.errors import Invalid, NotFound
from shared.http import answers_file, never_answers

router = APIRouter(prefix="/api/avatars", tags=["User Management"])
NAME = re.compile(r"[0-9a-f]{32}\.webp")
DEFAULT_PICTURE = (Path(__file__).parent.parent / "assets" / DEFAULT).read_bytes()
DEFAULT_DIGEST = hashlib.sha256(DEFAULT_PICTURE).hexdigest()[:32]  # the one that another release may change
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",  # front ends of other origins show them
}


@router.get("/{name}", response_class=Response, responses=answers_file("image/webp", "image/png", may_be_known=True))
@never_answers(Invalid)
async def get_picture(name: str, request: Request, files: Files) -> Response:
    """A picture, with a strong ETag."""
    if name == DEFAULT:
        caching, media_type = "public, max-age=86400", "image/png"
    elif NAME.fullmatch(name):
        caching, media_type = "public, max-age=31536000, immutable", "image/webp"
    else:
        raise NotFound("No such picture.")
    content = DEFAULT_PICTURE if name == DEFAULT else await files.get(name)  # first: what is gone is 404, whoever knows it
    etag = f'"{DEFAULT_DIGEST if name == DEFAULT else name.partition(".")[0]}"'
    headers = SAFE | {"ETag": etag, "Cache-Control": caching}
    if _matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _matches(condition: str, etag: str) -> bool:
    """If-None-Match (RFC 9110 13.1.2): a list of tags, compared weakly, or `*`."""
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return etag in tags or "*" in tags
