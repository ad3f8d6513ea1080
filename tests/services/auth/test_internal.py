"""What other services ask of auth."""

import pytest

from tests.harness import Harness
from tests.services.auth.people import account, state


async def test_a_neighbour_gets_a_snapshot(service: Harness) -> None:
    user_id = await account(service)

    answer = await service.internal().get(f"/internal/users/{user_id}")

    assert (answer.status_code, answer.json()["email"]) == (200, "john@example.com")
    assert (await service.internal().get("/internal/users/987654321")).status_code == 404


async def test_a_neighbour_sets_the_time_zone(service: Harness) -> None:
    user_id = await account(service)

    answer = await service.internal().put(f"/internal/users/{user_id}/timezone", json={"timezone": "Europe/Kyiv"})

    assert (answer.status_code, answer.json()["timezone"], answer.json()["version"]) == (200, "Europe/Kyiv", 2)
    assert [e["data"]["timezone"] for e in await service.outbox("auth.user.changed.v1")] == ["Europe/Kyiv"]
    assert (await service.internal().put("/internal/users/987654321/timezone", json={"timezone": "UTC"})).status_code == 404


@pytest.mark.parametrize("timezone", ["Mars", None, ""])
async def test_a_wrong_zone_is_422(service: Harness, timezone: str | None) -> None:
    user_id = await account(service)

    assert (await service.internal().put(f"/internal/users/{user_id}/timezone", json={"timezone": timezone})).status_code == 422
    assert (await state(service, user_id)).version == 1


async def test_accounts_can_be_compared_and_said_again(service: Harness) -> None:
    ids = [await account(service, f"user{n}@example.com") for n in range(3)]
    internal = service.internal()
    part = {"fields": ["email", "first_name", "is_active"]}

    (block,) = (await internal.post("/internal/integrity/owned/user/blocks", json=part)).json()
    rows = (await internal.post("/internal/integrity/owned/user/rows", json=part | {"ids": ids})).json()
    resent = await internal.post("/internal/integrity/owned/user/resend", json={"ids": ids[:2]})

    assert block["count"] == len(rows) == 3
    assert resent.status_code == 204
    said = await service.outbox("auth.user.snapshotted.v1")
    assert [e["data"]["user_id"] for e in said] == ids[:2]
    assert said[0]["data"]["avatar_url"] == "http://localhost:8000/api/avatars/default.png"
