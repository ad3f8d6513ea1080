"""Administration of users."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.auth.actions import administration, avatars
from services.auth.routes.dependencies import Base, Drawing, Files, Settings
from services.auth.rules import LastAdmin
from services.auth.views import AdminUpdateRequest, UploadedAvatarView, UsersView, UserView
from shared.auth import Admin, Now
from shared.db import Reading, Transaction
from shared.http import never_answers
from shared.paging import Paging100
from shared.tokens import Role
from shared.types import Id, Maybe, SearchTerm
from shared.uploads import PICTURE_BODY, drawn_picture

router = APIRouter(prefix="/api/admin/users", tags=["Admin Panel"])


@router.get("")
async def list_users(
    _actor: Admin,
    tx: Reading,
    settings: Settings,
    page: Paging100,
    role: Annotated[Maybe[Role], Query()] = None,
    search: Annotated[Maybe[SearchTerm], Query()] = None,
    is_active: Annotated[Maybe[bool], Query()] = None,
) -> UsersView:
    """All accounts that are not deleted, newest first. `search` is part of an e-mail address or name."""
    found, total = await administration.find(tx, page, role and role.value, search, is_active)
    items = [UserView.of(account, settings.avatars_url) for account in found]
    return UsersView(items=items, total=total, page=page.number, page_size=page.size, total_pages=page.pages(total))


@router.get("/{user_id}")
async def get_user(user_id: Id, _actor: Admin, tx: Reading, settings: Settings) -> UserView:
    """One account, deleted or not."""
    return UserView.of(await administration.get(tx, user_id), settings.avatars_url)


@router.put("/{user_id}")
@never_answers(LastAdmin)
async def update_user(
    user_id: Id, body: AdminUpdateRequest, actor: Admin, tx: Transaction, settings: Settings, now: Now
) -> UserView:
    """Change role, activity or names. A change of role or activity takes effect at once, also for tokens in use."""
    changes = body.model_dump(mode="json", exclude_unset=True)
    return UserView.of(await administration.update(tx, actor, user_id, settings.avatars_url, changes, now), settings.avatars_url)


@router.delete("/{user_id}", status_code=204)
@never_answers(LastAdmin)
async def delete_user(user_id: Id, actor: Admin, tx: Transaction, settings: Settings, now: Now) -> None:
    """Soft-delete an account."""
    await administration.soft_delete(tx, actor, user_id, settings.avatars_url, None, now)


@router.patch("/{user_id}/avatar", openapi_extra=PICTURE_BODY)
async def update_user_avatar(
    user_id: Id,
    request: Request,
    actor: Admin,
    base: Base,
    drawing: Drawing,
    files: Files,
    settings: Settings,
    now: Now,
) -> UploadedAvatarView:
    """Give somebody another picture."""
    name = await avatars.store(base, files, await drawn_picture(request, drawing, actor))
    async with base.transaction() as tx:
        await administration.lock_administrators(tx, actor)
        account = await administration.lock(tx, user_id)
        account = await avatars.put_for(tx, actor, account, name, settings.avatars_url)
    return UploadedAvatarView(avatar_url=f"{settings.avatars_url}/{account.avatar_name}", uploaded_at=now)
