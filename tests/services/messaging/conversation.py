"""Short ways to write and read in tests."""

from typing import Any

from tests.harness import Harness


async def write(service: Harness, sender: int, recipient: int, text: str = "Hello") -> dict[str, Any]:
    """Send a message, which must succeed; its view."""
    answer = await service.person(sender).post("/api/messages", json={"recipient_id": recipient, "message": text})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def threads(service: Harness, user_id: int) -> list[dict[str, Any]]:
    answer = await service.person(user_id).get("/api/messages/threads")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def messages(service: Harness, user_id: int, other_id: int) -> list[dict[str, Any]]:
    """The newest page of a conversation."""
    answer = await service.person(user_id).get(f"/api/messages/threads/{other_id}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


async def unread(service: Harness, user_id: int) -> int:
    answer = await service.person(user_id).get("/api/messages/unread/count")
    count: int = answer.json()["unread_count"]
    return count
