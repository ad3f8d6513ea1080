"""Queueing letters, in the transaction of the event that causes them."""

import json
from datetime import datetime, timedelta
from typing import Any

from services.notifications.delivery import channels, queries
from services.notifications.delivery.rules import MANDATORY
from services.notifications.rules import MAIL_FOR, Notice
from shared.db import Tx
from shared.events.base import Event
from shared.types import format_instant


async def enqueue(tx: Tx, event: Event, notice: Notice, notification_id: int) -> None:
    """A notice, for each channel that is on. Preferences are looked at when it is sent: they may change until then. A message
    leaves only if it is still unread after a while: whoever is in a conversation needs no mail of it."""
    content = {
        "title": notice.title,
        "message": notice.message,
        "facts": notice.facts,
        "data": notice.data,
        "about_id": notice.about_id,
        "anonymous": notice.anonymous,
    }
    lapses_at = event.occurred_at + MAIL_FOR
    if notice.lapses_at is not None:
        lapses_at = min(notice.lapses_at, lapses_at)
    waits = notice.fold_key is not None
    for channel in sorted(channels.switches.on):
        await _enqueue(
            tx,
            event,
            channel,
            notice.user_id,
            notice.kind,
            None,
            content,
            lapses_at,
            channels.switches.message_mail_after if waits else timedelta(0),
            notification_id if waits else None,
        )


async def enqueue_mail(
    tx: Tx, event: Event, user_id: int, kind: str, address: str, content: dict[str, Any], lapses_at: datetime | None
) -> None:
    """A mail to an address that the event names."""
    lapses_at = lapses_at or event.occurred_at + MAIL_FOR
    await _enqueue(tx, event, channels.EMAIL, user_id, kind, address, content, lapses_at)


async def _enqueue(
    tx: Tx,
    event: Event,
    channel: str,
    user_id: int,
    kind: str,
    address: str | None,
    content: dict[str, Any],
    lapses_at: datetime,
    wait: timedelta = timedelta(0),
    notification_id: int | None = None,
) -> None:
    await tx.run(
        queries.ENQUEUE,
        event_id=event.event_id,
        user_id=user_id,
        channel=channel,
        kind=kind,
        address=address,
        content=json.dumps(content),
        not_after=lapses_at,
        wait=wait,
        notification_id=notification_id,
        priority=0 if kind in MANDATORY else 1,
    )


async def call_off_reminders(tx: Tx, booking_id: int, user_ids: list[int], takes_place_at: datetime | None) -> None:
    """Whatever else its reminders say, the booking takes place then, or (None) is not certain to take place at all."""
    at = None if takes_place_at is None else format_instant(takes_place_at)
    await tx.run(queries.CALL_OFF, booking_id=booking_id, user_ids=user_ids, takes_place_at=at)
