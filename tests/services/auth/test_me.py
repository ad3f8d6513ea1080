"""The signed-in account: reading, changing and deleting it."""

from typing import Any

import pytest

from tests.harness import Harness
from tests.services.auth.people import PASSWORD, account, administrator, audited, bearer, login, refreshed, signed_in, state


async def test_me_is_the_full_user_object(service: Harness) -> None:
    user_id = await account(service, first_name="Zoë")

    body = (await service.person(user_id).get("/auth/me")).json()

    created, updated = body.pop("created_at"), body.pop("updated_at")
    assert created == updated
    assert created.endswith("Z")
    assert len(created) == len("2025-01-24T10:30:00.000Z")
    assert body == {
        "id": user_id,
        "email": "john@example.com",
        "role": "student",
        "first_name": "Zoë",
        "last_name": "Doe",
        "phone": None,
        "avatar_url": "http://localhost:8000/api/avatars/default.png",
        "currency": "USD",
        "timezone": "UTC",
        "is_active": True,
        "is_verified": False,
    }


async def test_me_can_be_changed(service: Harness) -> None:
    user_id = await account(service)
    changes = {"first_name": " Jane ", "last_name": "Smith", "phone": "+1 (234) 567-890", "timezone": " America/New_York\n"}

    answer = await service.person(user_id).put("/auth/me", json=changes)

    assert answer.status_code == 200
    after = answer.json()
    assert {name: after[name] for name in changes} == {
        "first_name": "Jane",
        "last_name": "Smith",
        "phone": "+1234567890",
        "timezone": "America/New_York",
    }
    (said,) = await service.outbox("auth.user.changed.v1")
    assert (said["data"]["first_name"], said["data"]["version"]) == ("Jane", 2)
    assert "phone" not in said["data"]


async def test_only_what_is_sent_changes_and_null_clears_the_phone_number(service: Harness) -> None:
    user_id = await account(service)
    person = service.person(user_id)
    await person.put("/auth/me", json={"phone": "+380441234567"})

    kept = (await person.put("/auth/me", json={"first_name": "Jane"})).json()
    cleared = (await person.put("/auth/me", json={"phone": None})).json()

    assert (kept["phone"], kept["first_name"], kept["last_name"]) == ("+380441234567", "Jane", "Doe")
    assert cleared["phone"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"first_name": ""},
        {"first_name": None},
        {"first_name": "x" * 101},
        {"last_name": "a\nb"},
        {"last_name": "a\0b"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "localtime"},
        {"timezone": None},
        {"timezone": "../etc/passwd"},
        {"phone": "0441234567"},
        {"phone": "+12"},
        {"phone": "+999123456789"},
        {"phone": "+1234567890123456789"},
        {"phone": "call me"},
        {"phone": 380441234567},
        [],
    ],
)
async def test_a_wrong_change_is_422(service: Harness, body: Any) -> None:
    user_id = await account(service)

    answer = await service.person(user_id).put("/auth/me", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert (await state(service, user_id)).version == 1


async def test_role_and_address_cannot_be_changed_here(service: Harness) -> None:
    user_id = await account(service)

    answer = await service.person(user_id).put("/auth/me", json={"role": "admin", "email": "x@example.com", "is_verified": True})

    assert answer.status_code == 200
    after = await state(service, user_id)
    assert (after.role, after.email, after.is_verified, after.version) == ("student", "john@example.com", False, 1)


async def test_an_account_that_is_not_there_is_401(service: Harness) -> None:
    answer = await service.person(987654321).get("/auth/me")

    assert (answer.status_code, answer.json()["code"]) == (401, "account_gone")


async def test_deleting_oneself_needs_the_password(service: Harness) -> None:
    user_id = await account(service)

    answer = await service.person(user_id).request("DELETE", "/auth/me", json={"password": "wrong"})

    assert (answer.status_code, answer.json()["code"]) == (400, "wrong_password")
    assert (await state(service, user_id)).is_active


async def test_who_deleted_themselves_is_out_at_once(service: Harness) -> None:
    user_id = await account(service)
    tokens = await signed_in(service)

    answer = await bearer(service, tokens).request("DELETE", "/auth/me", json={"password": PASSWORD})

    assert answer.status_code == 204
    assert (await bearer(service, tokens).get("/auth/me")).status_code == 401
    assert (await refreshed(service, tokens["refresh_token"])).status_code == 401
    assert (await login(service)).status_code == 401
    said = (await service.outbox("auth.user.changed.v1"))[-1]["data"]
    assert (said["user_id"], said["is_active"], said["first_name"], said["purged"]) == (user_id, False, "John", False)
    assert said["deleted_at"] is not None
    assert [a["action"] for a in await audited(service)] == ["user_deleted"]


async def test_the_last_administrator_cannot_delete_themselves(service: Harness) -> None:
    user_id, admin = await administrator(service)

    refused = await admin.request("DELETE", "/auth/me", json={"password": PASSWORD})
    await administrator(service, "second@example.com")
    done = await admin.request("DELETE", "/auth/me", json={"password": PASSWORD})

    assert (refused.status_code, refused.json()["code"]) == (409, "last_admin")
    assert done.status_code == 204
    assert not (await state(service, user_id)).is_active
