"""Registering an account."""

from typing import Any

import pytest

from tests.harness import Harness
from tests.services.auth.people import account, login

JOHN = {"email": "john@example.com", "password": "password123", "first_name": "John", "last_name": "Doe"}


async def test_a_registered_person_is_announced_once(service: Harness) -> None:
    answer = await service.client().post("/auth/register", json=JOHN)

    assert answer.status_code == 201
    said = await service.outbox("auth.user.registered.v1")
    assert [event["data"]["user_id"] for event in said] == [answer.json()["id"]]


async def test_the_answer_is_the_user_object_of_the_reference(service: Harness) -> None:
    answer = await service.client().post(
        "/auth/register", json=JOHN | {"role": "tutor", "timezone": "Europe/Kyiv", "currency": "UAH"}
    )

    body = answer.json()
    assert {"password", "password_hash"}.isdisjoint(body)
    assert (body["role"], body["timezone"], body["currency"]) == ("tutor", "Europe/Kyiv", "UAH")
    assert (body["is_active"], body["is_verified"]) == (True, False)
    assert body["avatar_url"].endswith("/api/avatars/default.png")


async def test_who_registered_can_sign_in(service: Harness) -> None:
    await service.client().post("/auth/register", json=JOHN | {"password": "пароль із пробілом "})

    assert (await login(service, password="пароль із пробілом ")).status_code == 200
    assert (await login(service, password="пароль із пробілом")).status_code == 401


@pytest.mark.parametrize("email", ["john@example.com", "JOHN@Example.COM", " john@example.com "])
async def test_an_address_registers_once(service: Harness, email: str) -> None:
    await account(service)

    answer = await service.client().post("/auth/register", json=JOHN | {"email": email})

    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "john"},
        {"email": "john@"},
        {"email": "john@localhost"},
        {"email": "John <john@example.com>"},
        {"email": "jo\0hn@example.com"},
        {"email": "a" * 250 + "@example.com"},
        {"email": None},
        {"password": "short"},
        {"password": "x" * 129},
        {"password": "john@example.com"},
        {"password": "JOHN@example.com"},
        {"role": "admin"},
        {"role": "boss"},
        {"first_name": "   "},
        {"last_name": "x" * 101},
        {"first_name": "a\tb"},
        {"timezone": "Nowhere"},
        {"currency": "XXX"},
        {"currency": "usd"},
    ],
)
async def test_a_wrong_body_is_400_as_the_reference_lists_it(service: Harness, wrong: dict[str, Any]) -> None:
    answer = await service.client().post("/auth/register", json=JOHN | wrong)

    assert answer.status_code == 400
    assert isinstance(answer.json()["detail"], str)
    assert "john@example.com" not in answer.text or "password" in wrong or "email" in wrong
    assert await service.outbox() == []


@pytest.mark.parametrize("missing", JOHN)
async def test_a_missing_field_is_named(service: Harness, missing: str) -> None:
    answer = await service.client().post("/auth/register", json={k: v for k, v in JOHN.items() if k != missing})

    assert answer.status_code == 400
    assert [e["field"] for e in answer.json()["errors"]] == [missing]


async def test_a_password_that_is_the_address_is_named(service: Harness) -> None:
    answer = await service.client().post("/auth/register", json=JOHN | {"password": "JOHN@example.com"})

    assert answer.json()["errors"] == [{"field": "password", "message": "must not be the e-mail address"}]


async def test_a_password_is_the_same_however_a_keyboard_composes_it(service: Harness) -> None:
    await service.client().post("/auth/register", json=JOHN | {"password": "cafe\u0301 au lait"})

    tokens = (await login(service, password="café au lait")).json()

    person = service.client(Authorization=f"Bearer {tokens['access_token']}")
    both = {"current_password": "cafe\u0301 au lait", "new_password": "cafés noirs"}
    changed = await person.post("/auth/change-password", json=both)
    assert changed.status_code == 200
    assert (await login(service, password="cafe\u0301s noirs")).status_code == 200
    person = service.client(Authorization=f"Bearer {changed.json()['access_token']}")
    assert (await person.request("DELETE", "/auth/me", json={"password": "cafe\u0301s noirs"})).status_code == 204


async def test_unknown_fields_are_ignored(service: Harness) -> None:
    answer = await service.client().post("/auth/register", json=JOHN | {"is_verified": True, "id": 1, "is_active": False})

    assert answer.status_code == 201
    assert answer.json()["is_verified"] is False
