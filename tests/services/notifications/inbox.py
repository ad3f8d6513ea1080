"""What people find in the app, and what their sockets were told."""

import json
from typing import Any

from shared.events.notifications import LiveMessagesLogged
from tests.harness import Harness


async def listed(service: Harness, user_id: int, **query: Any) -> list[dict[str, Any]]:
    async with service.person(user_id) as person:
        answer = await person.get("/api/notifications", params=query)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()
    return found


async def unread(service: Harness, user_id: int) -> int:
    async with service.person(user_id) as person:
        count: int = (await person.get("/api/notifications/unread-count")).json()["unread_count"]
    return count


async def logged(service: Harness, user_id: int) -> list[dict[str, Any]]:
    """What the sockets of one person were told, in its order."""
    async with service.database.reading() as tx:
        rows = await tx.rows("SELECT body FROM live_messages WHERE user_id = %(user_id)s ORDER BY event_id", user_id=user_id)
    return [json.loads(row["body"]) for row in rows]


async def told(service: Harness) -> list[dict[str, Any]]:
    """What the sockets of everybody were told."""
    said = await service.outbox(LiveMessagesLogged.type)
    return [json.loads(entry["body"]) for event in said for entry in event["data"]["entries"]]
