"""Photos of tutors: uploaded by their owners, shown to everybody. A name never gets another content."""

import re

from fastapi import APIRouter, Request, Response

from services.profiles import photos
from services.profiles.actions import accounts, tutors
from services.profiles.routes import caching
from services.profiles.routes.dependencies import Auth, Base, Drawing, Files, OwnTutor, Photos
from services.profiles.views.tutors import OwnProfile, PhotoView
from shared.auth import Now, Tutor
from shared.db import Transaction
from shared.errors import Invalid, NotFound
from shared.http import answers_file, never_answers
from shared.uploads import PICTURE_BODY, drawn_picture

router = APIRouter(prefix="/api/tutors", tags=["Tutor Profiles"])
NAME = re.compile(r"[0-9a-f]{32}\.webp")
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",  # front ends of other origins show them
    "Cache-Control": caching.FOR_EVER,
}


@router.patch("/me/photo", openapi_extra=PICTURE_BODY)
async def change_photo(
    request: Request, actor: Tutor, auth: Auth, database: Base, drawing: Drawing, files: Files, url: Photos, now: Now
) -> PhotoView:
    """A picture (JPEG, PNG, GIF, WebP; at most 5 MiB) that cards show instead of the account's avatar."""
    async with database.transaction() as tx:
        tutor_id = await accounts.own_tutor_id(tx, auth, actor, now)
    picture = await drawn_picture(request, drawing, actor)  # takes its time: no transaction is open meanwhile
    name = await photos.store(database, files, picture)
    async with database.transaction() as tx:
        await tutors.replace_photo(tx, tutor_id, name, now)
    return PhotoView(photo_url=f"{url}/{name}", avatar_url=f"{url}/{name}", uploaded_at=now)


@router.delete("/me/photo")
async def delete_photo(tutor_id: OwnTutor, tx: Transaction, url: Photos, now: Now) -> OwnProfile:
    """Show the account's avatar again."""
    profile = await tutors.replace_photo(tx, tutor_id, None, now)
    return OwnProfile.of(profile, url, await tutors.windows_of(tx, profile, now))


@router.get("/photos/{name}", response_class=Response, responses=answers_file("image/webp", may_be_known=True))
@never_answers(Invalid)
async def get_photo(name: str, request: Request, files: Files) -> Response:
    """A photo, with a strong ETag."""
    if not NAME.fullmatch(name):
        raise NotFound("No such picture.")
    etag = f'"{name.partition(".")[0]}"'
    content = b"" if caching.knows(request, etag) else await files.get(name)
    return caching.answer(request, content, "image/webp", etag, SAFE)
