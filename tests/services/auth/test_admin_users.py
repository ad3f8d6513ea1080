"""Administration of users: finding and changing them."""

import re
from typing import Any

import pytest

from tests.harness import Harness
from tests.services.auth.people import account, administrator, audited, bearer, login, refreshed, signed_in, state


async def emails(client: Any, **query: Any) -> list[str]:
    answer = await client.get("/api/admin/users", params=query)
    assert answer.status_code == 200, answer.text
    return [user["email"] for user in answer.json()["items"]]


async def test_the_list_is_newest_first_in_pages_with_a_total(service: Harness) -> None:
    _, admin = await administrator(service)
    for number in range(5):
        await account(service, f"user{number}@example.com")

    page = (await admin.get("/api/admin/users", params={"page": 2, "page_size": 2})).json()

    assert [u["email"] for u in page["items"]] == ["user2@example.com", "user1@example.com"]
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (6, 2, 2, 3)
    beyond = (await admin.get("/api/admin/users", params={"page": 9})).json()
    assert (beyond["items"], beyond["total"]) == ([], 6)


@pytest.mark.parametrize(
    "query", [{"page": 0}, {"page_size": 101}, {"page_size": 0}, {"role": "boss"}, {"is_active": "maybe"}, {"search": "a\0"}]
)
async def test_wrong_parameters_are_422(service: Harness, query: dict[str, Any]) -> None:
    _, admin = await administrator(service)

    assert (await admin.get("/api/admin/users", params=query)).status_code == 422


async def test_the_list_filters_by_role_and_activity(service: Harness) -> None:
    _, admin = await administrator(service)
    await account(service, "tutor@example.com", "tutor")
    await account(service, "student@example.com")
    async with service.database.transaction() as tx:
        await tx.run("UPDATE accounts SET is_active = false WHERE role = 'student'")

    assert await emails(admin, role="tutor") == ["tutor@example.com"]
    assert await emails(admin, role="admin") == ["admin@example.com"]
    assert await emails(admin, is_active=False) == ["student@example.com"]
    assert await emails(admin, is_active=True, role="student") == []


@pytest.mark.parametrize("query", ["search=", "search=%20", "role=", "is_active=", "role=&search=&is_active="])
async def test_a_filter_that_was_not_filled_in_filters_nothing(service: Harness, query: str) -> None:
    _, admin = await administrator(service)
    await account(service)

    answer = await admin.get(f"/api/admin/users?{query}")

    assert (answer.status_code, answer.json()["total"]) == (200, 2)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("zoë", ["zoe@example.com"]),
        ("ZOË KRÜ", ["zoe@example.com"]),
        ("Zoe\u0308", ["zoe@example.com"]),
        ("@EXAMPLE.com zo", ["zoe@example.com"]),
        ("100%", ["percent@example.com"]),
        ("%", ["percent@example.com"]),
        ("_", ["under_score@example.com"]),
        ("\\", []),
        ("nobody", []),
    ],
)
async def test_search_finds_part_of_an_address_or_name_without_case(service: Harness, search: str, found: list[str]) -> None:
    _, admin = await administrator(service)
    await account(service, "zoe@example.com", first_name="Zoë", last_name="Krüger")
    await account(service, "percent@example.com", last_name="100%")
    await account(service, "under_score@example.com")

    assert await emails(admin, search=search) == found


async def test_an_item_is_the_full_user_object(service: Harness) -> None:
    user_id, admin = await administrator(service)

    (item,) = (await admin.get("/api/admin/users")).json()["items"]

    assert item == (await admin.get("/auth/me")).json() == (await admin.get(f"/api/admin/users/{user_id}")).json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item["created_at"])


async def test_a_change_of_role_kills_tokens_but_not_sessions(service: Harness) -> None:
    admin_id, admin = await administrator(service)
    user_id = await account(service)
    tokens = await signed_in(service)

    answer = await admin.put(f"/api/admin/users/{user_id}", json={"role": "tutor"}, headers={"User-Agent": "console"})

    assert (answer.status_code, answer.json()["role"]) == (200, "tutor")
    assert (await bearer(service, tokens).get("/auth/me")).status_code == 401
    renewed = await refreshed(service, tokens["refresh_token"])
    assert renewed.json()["user"]["role"] == "tutor"
    revoked = (await service.outbox("auth.session.revoked.v1"))[-1]["data"]
    assert (revoked["user_id"], revoked["below_version"], revoked["session_id"]) == (user_id, 2, None)
    (said,) = await audited(service)
    assert (said["action"], said["actor_id"], said["target_id"]) == ("user_role_changed", admin_id, user_id)
    assert (said["ip_address"], said["user_agent"]) == ("127.0.0.1", "console")
    assert said["details"] == {
        "before": {"role": "student"},
        "after": {"role": "tutor"},
        "old_role": "student",
        "new_role": "tutor",
    }


async def test_deactivation_ends_everything_and_activation_lets_sign_in_again(service: Harness) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)
    tokens = await signed_in(service)

    assert (await admin.put(f"/api/admin/users/{user_id}", json={"is_active": False})).json()["is_active"] is False

    assert (await bearer(service, tokens).get("/auth/me")).status_code == 401
    assert (await refreshed(service, tokens["refresh_token"])).status_code == 401
    assert (await login(service)).status_code == 401
    assert (await admin.put(f"/api/admin/users/{user_id}", json={"is_active": True})).status_code == 200
    assert (await login(service)).status_code == 200
    assert [a["action"] for a in await audited(service)] == ["user_deactivated", "user_activated"]


async def test_names_change_without_signing_anybody_out(service: Harness) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)
    tokens = await signed_in(service)

    answer = await admin.put(f"/api/admin/users/{user_id}", json={"first_name": " Jane ", "role": "student"})

    assert answer.json()["first_name"] == "Jane"
    assert (await bearer(service, tokens).get("/auth/me")).status_code == 200
    (said,) = await audited(service)
    assert said["action"] == "user_updated"
    assert said["details"] == {"before": {"first_name": "John"}, "after": {"first_name": "Jane"}}


async def test_a_change_that_changes_nothing_is_not_audited(service: Harness) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)

    for body in ({}, {"role": "student", "is_active": True}):
        assert (await admin.put(f"/api/admin/users/{user_id}", json=body)).status_code == 200

    assert await service.outbox() == []


@pytest.mark.parametrize(
    "body", [{"role": "boss"}, {"role": None}, {"is_active": None}, {"first_name": ""}, {"last_name": None}, []]
)
async def test_a_wrong_change_is_422(service: Harness, body: Any) -> None:
    user_id, admin = await administrator(service)

    assert (await admin.put(f"/api/admin/users/{user_id}", json=body)).status_code == 422


@pytest.mark.parametrize("body", [{"role": "student"}, {"is_active": False}])
async def test_administrators_cannot_take_their_own_rights(service: Harness, body: Any) -> None:
    user_id, admin = await administrator(service)
    await administrator(service, "second@example.com")

    answer = await admin.put(f"/api/admin/users/{user_id}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_yourself")
    assert (await admin.put(f"/api/admin/users/{user_id}", json={"first_name": "Eve"})).status_code == 200


async def test_an_administrator_can_demote_another(service: Harness) -> None:
    _, admin = await administrator(service)
    other_id, other = await administrator(service, "second@example.com")

    assert (await admin.put(f"/api/admin/users/{other_id}", json={"role": "student"})).status_code == 200

    user_id = await account(service)
    refused = await other.put(f"/api/admin/users/{user_id}", json={"role": "tutor"})
    assert (refused.status_code, refused.json()["code"]) == (401, "account_gone"), "before any revocation arrived"
    assert (await state(service, user_id)).role == "student"


@pytest.mark.parametrize(("user_id", "status"), [(987654321, 404), (0, 422), (2**63, 422), ("x", 422)])
async def test_users_that_are_not_there(service: Harness, user_id: object, status: int) -> None:
    _, admin = await administrator(service)

    assert (await admin.put(f"/api/admin/users/{user_id}", json={"role": "tutor"})).status_code == status
    assert (await admin.delete(f"/api/admin/users/{user_id}")).status_code == status
    assert (await admin.get(f"/api/admin/users/{user_id}")).status_code == status
