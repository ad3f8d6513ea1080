"""Deletion with a reason, restoration, purge."""

from datetime import timedelta

from fastapi import APIRouter

from services.auth.actions import administration
from services.auth.routes.dependencies import Base, Settings
from services.auth.rules import LastAdmin
from services.auth.views import (
    DeletedUsersView,
    DeletedUserView,
    PurgedView,
    PurgeRequest,
    RestoreRequest,
    SoftDeleteRequest,
    UserView,
)
from shared.auth import Admin, Now
from shared.db import Reading, Transaction
from shared.http import never_answers
from shared.paging import Paging50

router = APIRouter(prefix="/api/audit", tags=["Audit Logs"])


@router.post("/soft-delete-user")
@never_answers(LastAdmin)
async def soft_delete_user(
    body: SoftDeleteRequest, actor: Admin, tx: Transaction, settings: Settings, now: Now
) -> DeletedUserView:
    """Soft-delete an account, with a reason."""
    account = await administration.soft_delete(tx, actor, body.user_id, settings.avatars_url, body.reason, now)
    return DeletedUserView.of(account, settings.avatars_url)


@router.post("/restore-user")
async def restore_user(body: RestoreRequest, actor: Admin, tx: Transaction, settings: Settings) -> UserView:
    """Undo a deletion."""
    return UserView.of(await administration.restore(tx, actor, body.user_id, settings.avatars_url), settings.avatars_url)


@router.get("/deleted-users")
async def deleted_users(_actor: Admin, tx: Reading, settings: Settings, page: Paging50) -> DeletedUsersView:
    """Deleted accounts that can be restored, newest deletion first."""
    found, total = await administration.deleted(tx, page)
    items = [DeletedUserView.of(account, settings.avatars_url) for account in found]
    return DeletedUsersView(items=items, total=total, page=page.number, page_size=page.size, total_pages=page.pages(total))


@router.post("/purge-old-deletes")
async def purge_old_deletes(
    actor: Admin, base: Base, settings: Settings, now: Now, body: PurgeRequest | None = None
) -> PurgedView:
    """Anonymise accounts that were deleted that long ago, for good, in every service."""
    before = now - timedelta(days=(body or PurgeRequest()).days_old)
    purged, batch = 0, -1
    while batch:
        async with base.transaction() as tx:
            await administration.lock_administrators(tx, actor)
            batch = await administration.purge_some(tx, actor, settings.avatars_url, before, now)
        purged += batch
    return PurgedView(purged=purged, deleted_before=before)
