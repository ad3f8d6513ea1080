"""Registering an account."""

from tests.harness import Harness

JOHN = {"email": "john@example.com", "password": "password123", "first_name": "John", "last_name": "Doe"}


async def test_a_registered_person_is_announced_once(service: Harness) -> None:
    answer = await service.client().post("/auth/register", json=JOHN)

    assert answer.status_code == 201
    said = await service.outbox("auth.user.registered.v1")
    assert [event["data"]["user_id"] for event in said] == [answer.json()["id"]]
