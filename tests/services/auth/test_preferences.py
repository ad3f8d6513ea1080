"""Notification preferences and currency."""

from typing import Any

import pytest

from tests.harness import Harness
from tests.services.auth.people import account

DEFAULTS = {"email_notifications": True, "push_notifications": True, "sms_notifications": False}


async def test_preferences_default_to_email_and_push(service: Harness) -> None:
    user_id = await account(service)

    assert (await service.person(user_id).get("/api/users/preferences")).json() == DEFAULTS


async def test_preferences_change_where_sent_and_everybody_hears(service: Harness) -> None:
    user_id = await account(service)
    person = service.person(user_id)

    answer = await person.patch("/api/users/preferences", json={"push_notifications": False})

    assert answer.json() == DEFAULTS | {"push_notifications": False}
    assert (await person.get("/api/users/preferences")).json() == answer.json()
    (said,) = await service.outbox("auth.user.changed.v1")
    assert (said["data"]["push_notifications"], said["data"]["email_notifications"]) == (False, True)


async def test_changing_nothing_says_nothing(service: Harness) -> None:
    user_id = await account(service)

    for body in ({}, DEFAULTS):
        answer = await service.person(user_id).patch("/api/users/preferences", json=body)
        assert (answer.status_code, answer.json()) == (200, DEFAULTS)

    assert await service.outbox() == []


@pytest.mark.parametrize("body", [{"email_notifications": None}, {"email_notifications": "maybe"}, []])
async def test_wrong_preferences_are_422(service: Harness, body: Any) -> None:
    user_id = await account(service)

    assert (await service.person(user_id).patch("/api/users/preferences", json=body)).status_code == 422


async def test_the_currency_options_have_code_symbol_and_name(service: Harness) -> None:
    user_id = await account(service)

    options = (await service.person(user_id).get("/api/users/currency/options")).json()

    assert {"code": "EUR", "symbol": "€", "name": "Euro"} in options
    assert {"USD", "EUR", "GBP", "CAD", "AUD", "JPY", "CHF", "UAH", "PLN", "INR"} <= {o["code"] for o in options}


async def test_the_currency_can_be_chosen(service: Harness) -> None:
    user_id = await account(service)

    answer = await service.person(user_id).patch("/api/users/currency", json={"currency": "EUR"})

    assert (answer.status_code, answer.json()["currency"]) == (200, "EUR")
    assert [e["data"]["currency"] for e in await service.outbox("auth.user.changed.v1")] == ["EUR"]


@pytest.mark.parametrize("currency", ["XYZ", "eur", "", None, 978])
async def test_an_unknown_currency_is_422(service: Harness, currency: Any) -> None:
    user_id = await account(service)

    assert (await service.person(user_id).patch("/api/users/currency", json={"currency": currency})).status_code == 422
