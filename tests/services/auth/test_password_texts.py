"""Passwords as anybody may send them: how long, of which characters."""

import time
from typing import Any

import pytest

from tests.harness import Harness
from tests.services.auth.people import PASSWORD, account

MEGABYTE = "a" + "\u0301" * 2**18 + "\u0327" * 2**18  # marks that NFC puts into another order
JOHN = {"email": "john@example.com", "first_name": "John", "last_name": "Doe"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/auth/login", {"email": "john@example.com", "password": MEGABYTE}, 422),
        ("POST", "/auth/register", JOHN | {"password": MEGABYTE}, 400),
        ("POST", "/auth/reset-password", {"token": "x", "new_password": MEGABYTE}, 422),
        ("POST", "/auth/change-password", {"current_password": PASSWORD, "new_password": MEGABYTE}, 422),
        ("POST", "/auth/change-password", {"current_password": MEGABYTE, "new_password": PASSWORD}, 422),
        ("DELETE", "/auth/me", {"password": MEGABYTE}, 422),
    ],
    ids=["login", "register", "reset", "new", "current", "delete"],
)
async def test_a_megabyte_of_marks_is_refused_in_no_time(
    service: Harness, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    """To put them into order takes minutes, in which the process does nothing else."""
    person = service.person(await account(service))
    started = time.monotonic()

    answer = await person.request(method, path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, "validation_error")
    assert time.monotonic() - started < 1


async def test_the_form_of_oauth2_is_refused_as_soon(service: Harness) -> None:
    form = {"username": "john@example.com", "password": MEGABYTE[2**18 - 2**16 : 2**18 + 2**16]}  # encoded, what a form may hold
    started = time.monotonic()

    answer = await service.client().post("/auth/login", data=form)

    assert answer.status_code == 422
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("password", ["\u03b1\u0313\u0301\u0345" * 128, "e\u0301" * 8], ids=["longest", "shortest"])
async def test_the_length_that_counts_is_that_of_the_composed_password(service: Harness, password: str) -> None:
    client = service.client()

    assert (await client.post("/auth/register", json=JOHN | {"password": password})).status_code == 201
    assert (await client.post("/auth/login", json={"email": JOHN["email"], "password": password})).status_code == 200


@pytest.mark.parametrize(("password", "said"), [("short", "at least 8 characters"), ("x" * 129, "at most 128 characters")])
async def test_people_are_told_of_characters(service: Harness, password: str, said: str) -> None:
    answer = await service.client().post("/auth/register", json=JOHN | {"password": password})

    assert answer.json()["errors"] == [{"field": "password", "message": f"String should have {said}"}]
