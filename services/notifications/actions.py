"""What people do with their notifications, and how they are told: each function is the inside of one transaction."""

import json
from dataclasses import dataclass
from typing import Any

from services.notifications import live, queries, rules
from services.notifications.delivery import outgoing
from services.notifications.live import Live
from services.notifications.queries import Folded, Notification
from services.notifications.rules import Notice
from services.notifications.views import NotificationView
from shared.auth import Principal
from shared.db import Tx
from shared.errors import NotFound
from shared.events.base import Event
from shared.outbox import publish
from shared.paging import Page


class NotificationNotFound(NotFound):
    detail = "There is no such notification of yours."


@dataclass(frozen=True, slots=True)
class News:
    """What people are told of an event: `messages` on their sockets, then each notice, in the app, on sockets and by mail."""

    event: Event
    notices: list[Notice]
    messages: list[Live]


async def tell(tx: Tx, event: Event, notices: list[Notice], messages: list[Live]) -> None:
    news = [News(event, notices, messages)]
    await tell_all(tx, news, await _purged(tx, news))


async def tell_all(tx: Tx, news: list[News], purged: set[int]) -> None:
    """To the `purged` nothing is told, and of them no name. All notices are added before the log is locked, as by whoever reads
    notifications: else both would wait for each other."""
    shown: list[Live] = []
    for one in news:
        shown += [m for m in one.messages if m.user_id not in purged]
        for notice in one.notices:
            if notice.user_id not in purged:
                row = await _add(tx, one.event, notice, purged)
                shown.append(Live(row.user_id, _socket_message(row)))
                if row.folded == 1:
                    await outgoing.enqueue(tx, one.event, notice, row.id)
    await _show(tx, shown)


async def take_back(tx: Tx, user_id: int, fold_key: str, message_id: int, read_up_to: int | None) -> list[Live]:
    """A message is gone: the unread notification that counted it counts one less, and goes with the last, or when nothing up to
    `read_up_to` is unread any more. What to tell of it."""
    which = {"user_id": user_id, "fold_key": fold_key, "message_id": message_id, "read_up_to": read_up_to or 0}
    folded = await tx.maybe(Folded, queries.FOLDED, **which)
    if folded is None:
        return []
    if folded.is_over:
        await tx.run(queries.DELETE, id=folded.id, user_id=user_id)
        return [Live(user_id, {"type": "notification_deleted", "notification_id": folded.id})]
    left, name = folded.folded - 1, folded.about_name or rules.NOBODY
    worded = {"message": rules.new_messages(left, name), "anonymous": rules.new_messages(left, rules.NOBODY)}
    row = await tx.one(Notification, queries.UNFOLD, id=folded.id, **worded)
    return [Live(user_id, _socket_message(row))]


def is_read(user_id: int, notification_id: int | None) -> Live:
    """For a person's other devices: this notification was read, or (None) all of them."""
    return Live(user_id, {"type": "notification_read", "notification_id": notification_id})


async def page_of(tx: Tx, actor: Principal, page: Page, unread_only: bool) -> list[Notification]:
    sql = queries.LIST_UNREAD if unread_only else queries.LIST
    return await tx.all(Notification, sql, user_id=actor.user_id, limit=page.limit, offset=page.offset)


async def mark_read(tx: Tx, actor: Principal, notification_id: int) -> Notification:
    if await tx.run(queries.READ, id=notification_id, user_id=actor.user_id):
        await _show(tx, [is_read(actor.user_id, notification_id)])
    row = await tx.maybe(Notification, queries.FIND, id=notification_id, user_id=actor.user_id)
    if row is None:
        raise NotificationNotFound
    return row


async def mark_all_read(tx: Tx, actor: Principal) -> int:
    """How many were unread."""
    updated = await tx.run(queries.READ_ALL, user_id=actor.user_id)
    if updated:
        await _show(tx, [is_read(actor.user_id, None)])
    return updated


async def delete(tx: Tx, actor: Principal, notification_id: int) -> None:
    if not await tx.run(queries.DELETE, id=notification_id, user_id=actor.user_id):
        raise NotificationNotFound
    await _show(tx, [Live(actor.user_id, {"type": "notification_deleted", "notification_id": notification_id})])


async def _show(tx: Tx, messages: list[Live]) -> None:
    if messages:
        await publish(tx, await live.append(tx, messages))


async def _purged(tx: Tx, news: list[News]) -> set[int]:
    """Those of the people concerned whose account was anonymised: nothing is kept of them any more."""
    notices = [notice for one in news for notice in one.notices]
    concerned = {n.user_id for n in notices} | {n.about_id for n in notices if n.about_id}
    concerned |= {message.user_id for one in news for message in one.messages}
    return {row["id"] for row in await tx.rows(queries.PURGED, ids=list(concerned))}


async def _add(tx: Tx, event: Event, notice: Notice, purged: set[int]) -> Notification:
    about_purged = notice.about_id in purged
    return await tx.one(
        Notification,
        queries.ADD,
        user_id=notice.user_id,
        event_id=event.event_id,
        type=notice.kind,
        title=notice.title,
        message=notice.anonymous if about_purged else notice.message,
        anonymous=notice.anonymous,
        folded_message=notice.folded_anonymous if about_purged else notice.folded_message,
        folded_anonymous=notice.folded_anonymous,
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
