"""Queueing letters, in the transaction of the event that causes them."""

import json
from datetime import datetime
from typing import Any

from services.notifications.delivery import channels, queries
from services.notifications.rules import MAIL_FOR, Notice
from shared.db import Tx
from shared.events.base import Event


async def enqueue(tx: Tx, event: Event, notice: Notice) -> None:
    """A notice, for each channel that is on. Preferences are looked at when it is sent: they may change until then."""
    content = {"title": notice.title, "message": notice.message, "facts": notice.facts, "data": notice.data}
    lapses_at = event.occurred_at + MAIL_FOR
    if notice.lapses_at is not None:
        lapses_at = min(notice.lapses_at, lapses_at)
    for channel in sorted(channels.switched_on):
        await _enqueue(tx, event, channel, notice.user_id, notice.kind, None, content, lapses_at)


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
    )
