"""What people do with their notifications, and how they are told: each function is the inside of one transaction."""

import json
from typing import Any

from services.notifications import live, queries
from services.notifications.delivery import outgoing
from services.notifications.live import Live
from services.notifications.queries import Notification
from services.notifications.rules import Notice
from services.notifications.views import NotificationView
from shared.auth import Principal
from shared.db import Tx
from shared.errors import NotFound
from shared.events.base import Event
from shared.events.notifications import NotificationCreated
from shared.outbox import publish
from shared.paging import Page


class NotificationNotFound(NotFound):
    detail = "There is no such notification of yours."


async def tell(tx: Tx, event: Event, notices: list[Notice], messages: list[Live]) -> None:
    """Tell people of an event: `messages` to their sockets, then each notice in the app, to their sockets and by mail."""
    purged = await _purged(tx, notices, messages)
    messages = [m for m in messages if m.user_id not in purged]
    said: list[Event] = []
    for notice in notices:
        if notice.user_id not in purged:
            row = await _add(tx, event, notice, purged)
            messages.append(Live(row.user_id, _socket_message(row)))
            said.append(_created(row))
            if row.folded == 1:
                await outgoing.enqueue(tx, event, notice)
    if messages:
        said.insert(0, await live.append(tx, messages))
    await publish(tx, *said)


async def page_of(tx: Tx, actor: Principal, page: Page, unread_only: bool) -> list[Notification]:
    sql = queries.LIST_UNREAD if unread_only else queries.LIST
    return await tx.all(Notification, sql, user_id=actor.user_id, limit=page.size, offset=page.offset)


async def mark_read(tx: Tx, actor: Principal, notification_id: int) -> Notification:
    row = await tx.maybe(Notification, queries.READ, id=notification_id, user_id=actor.user_id)
    if row is None:
        raise NotificationNotFound
    return row


async def delete(tx: Tx, actor: Principal, notification_id: int) -> None:
    if not await tx.run(queries.DELETE, id=notification_id, user_id=actor.user_id):
        raise NotificationNotFound


async def _purged(tx: Tx, notices: list[Notice], messages: list[Live]) -> set[int]:
    """Those of the people concerned whose account was anonymised: nothing is kept of them any more."""
    concerned = {n.user_id for n in notices} | {n.about_id for n in notices if n.about_id} | {m.user_id for m in messages}
    return {row["id"] for row in await tx.rows(queries.PURGED, ids=list(concerned))}


async def _add(tx: Tx, event: Event, notice: Notice, purged: set[int]) -> Notification:
    name = notice.about_name or ""
    about_purged = notice.about_id in purged

    def anonymous(text: str) -> str:
        return text.replace(name, "Deleted user") if name and about_purged else text

    return await tx.one(
        Notification,
        queries.ADD,
        user_id=notice.user_id,
        event_id=event.event_id,
        type=notice.kind,
        title=notice.title,
        message=anonymous(notice.message),
        folded_message=anonymous(notice.folded_message),
        data=json.dumps(notice.data),
        about_id=notice.about_id,
        about_name=None if about_purged else notice.about_name,
        fold_key=notice.fold_key,
        newest_id=notice.newest_id,
        created_at=event.occurred_at,
    )


def _socket_message(row: Notification) -> dict[str, Any]:
    fields = NotificationView.of(row).model_dump(mode="json")
    return {"type": "notification", "notification_type": fields.pop("type")} | fields


def _created(row: Notification) -> NotificationCreated:
    return NotificationCreated(
        notification_id=row.id,
        user_id=row.user_id,
        kind=row.kind,
        title=row.title,
        message=row.message,
        data=row.data,
        created_at=row.created_at,
    )
