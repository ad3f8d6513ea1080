"""HTTP edge of the notifications service: parse, call, answer."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.notifications import actions, queries
from services.notifications.views import MarkedReadView, NotificationView, UnreadCountView
from shared.auth import Actor
from shared.db import Reading, Transaction
from shared.paging import Paging
from shared.types import Id

router = APIRouter(prefix="/api/notifications", tags=["Notifications"])


@router.get("")
async def list_notifications(
    actor: Actor, tx: Reading, page: Paging, unread_only: Annotated[bool, Query()] = False
) -> list[NotificationView]:
    """The signed-in person's notifications, newest first."""
    return [NotificationView.of(row) for row in await actions.page_of(tx, actor, page, unread_only)]


@router.get("/unread-count")
async def unread_count(actor: Actor, tx: Reading) -> UnreadCountView:
    return UnreadCountView(unread_count=await tx.value(queries.COUNT_UNREAD, user_id=actor.user_id))


@router.patch("/mark-all-read")
async def mark_all_read(actor: Actor, tx: Transaction) -> MarkedReadView:
    updated = await actions.mark_all_read(tx, actor)
    return MarkedReadView(message="All notifications are marked as read.", updated=updated)


@router.patch("/{notification_id}/read")
async def mark_read(notification_id: Id, actor: Actor, tx: Transaction) -> NotificationView:
    return NotificationView.of(await actions.mark_read(tx, actor, notification_id))


@router.delete("/{notification_id}", status_code=204)
async def delete(notification_id: Id, actor: Actor, tx: Transaction) -> None:
    await actions.delete(tx, actor, notification_id)
