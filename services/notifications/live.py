"""The log of socket messages: what every device of a person is told, numbered, so that none is missed or repeated."""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from services.notifications import queries
from services.notifications.queries import Logged
from shared.db import Tx
from shared.events.notifications import LiveEntry, LiveMessagesLogged


@dataclass(frozen=True, slots=True)
class Live:
    """A socket message for one person. `fields` have a `type`; the number is added when it is logged."""

    user_id: int
    fields: dict[str, Any]


async def append(tx: Tx, messages: list[Live]) -> LiveMessagesLogged:
    """Log the messages, and return the event by which the hubs hear of them. Messages of one person keep their order."""
    bodies = [json.dumps(m.fields, separators=(",", ":"), ensure_ascii=False) for m in messages]
    logged = await tx.all(Logged, queries.LOG, user_ids=[m.user_id for m in messages], bodies=bodies)
    numbers: dict[int, list[int]] = defaultdict(list)
    for row in sorted(logged, key=lambda row: row.event_id, reverse=True):
        numbers[row.user_id].append(row.event_id)
    return LiveMessagesLogged(
        entries=[
            LiveEntry(user_id=m.user_id, event_id=numbers[m.user_id].pop(), body=body)
            for m, body in zip(messages, bodies, strict=True)
        ]
    )


def numbered(event_id: int, body: str) -> str:
    """The text that is sent: the logged object with its number as a first field."""
    return f'{{"event_id":{event_id},{body[1:]}'
