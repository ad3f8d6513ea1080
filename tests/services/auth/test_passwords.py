"""Changing and resetting passwords, verifying e-mail addresses."""

import unicodedata
from typing import Any

import pytest

from services.auth.passwords import HASHER
from tests.harness import Harness
from tests.services.auth.people import (
    PASSWORD,
    account,
    audited,
    bearer,
    login,
    mailed_token,
    refreshed,
    signed_in,
    state,
)

JOHN = {"email": "john@example.com", "password": PASSWORD, "first_name": "John", "last_name": "Doe"}
NEW = "another password"


async def mails(service: Harness, kind: str) -> list[dict[str, Any]]:
    return [m["data"] for m in await service.outbox("auth.mail.requested.v1") if m["data"]["kind"] == kind]


async def forgot(service: Harness, email: str = "john@example.com") -> None:
    answer = await service.client().post("/auth/forgot-password", json={"email": email})
    assert answer.status_code == 202


async def reset(service: Harness, token: str, password: str = NEW) -> Any:
    return await service.client().post("/auth/reset-password", json={"token": token, "new_password": password})


async def expire(service: Harness) -> None:
    async with service.database.transaction() as tx:
        await tx.run("UPDATE mail_tokens SET expires_at = now() - interval '1 second'")


async def test_changing_the_password_ends_all_sessions_and_begins_one(service: Harness) -> None:
    user_id = await account(service)
    here, there = await signed_in(service), await signed_in(service)

    answer = await bearer(service, here).post("/auth/change-password", json={"current_password": PASSWORD, "new_password": NEW})

    assert answer.status_code == 200
    for tokens in (here, there):
        assert (await bearer(service, tokens).get("/auth/me")).status_code == 401
        assert (await refreshed(service, tokens["refresh_token"])).status_code == 401
    assert (await bearer(service, answer.json()).get("/auth/me")).status_code == 200
    assert (await refreshed(service, answer.json()["refresh_token"])).status_code == 200
    assert (await login(service)).status_code == 401
    assert (await login(service, password=NEW)).status_code == 200
    assert [m["email"] for m in await mails(service, "password_changed")] == ["john@example.com"]
    (said,) = await audited(service)
    assert (said["action"], said["actor_id"], said["details"]) == ("password_changed", user_id, {})


async def test_changing_the_password_needs_the_old_one(service: Harness) -> None:
    user_id = await account(service)

    answer = await service.person(user_id).post("/auth/change-password", json={"current_password": "wrong", "new_password": NEW})

    assert (answer.status_code, answer.json()["code"]) == (400, "wrong_password")
    assert (await login(service)).status_code == 200


async def test_guessing_the_old_password_is_limited_too(service: Harness) -> None:
    user_id = await account(service)
    person = service.person(user_id)
    body = {"current_password": "wrong", "new_password": NEW}
    await person.post("/auth/change-password", json=body)
    async with service.database.transaction() as tx:
        for _ in range(4):
            await tx.run(
                "INSERT INTO login_failures (subject, network, failed_at) SELECT subject, network, now() FROM login_failures"
            )

    assert (await person.post("/auth/change-password", json=body)).status_code == 429
    assert (await person.request("DELETE", "/auth/me", json={"password": PASSWORD})).status_code == 429


@pytest.mark.parametrize("password", ["short", "x" * 129, "john@example.com", None])
async def test_a_password_that_registration_refuses_is_422(service: Harness, password: str | None) -> None:
    user_id = await account(service)
    await forgot(service)
    token = await mailed_token(service, "reset_password")

    changed = await service.person(user_id).post(
        "/auth/change-password", json={"current_password": PASSWORD, "new_password": password}
    )

    assert (changed.status_code, changed.json()["errors"][0]["field"]) == (422, "new_password")
    assert (await reset(service, token, password)).status_code == 422  # type: ignore[arg-type]
    assert (await reset(service, token)).status_code == 200, "the token was not spent on it"


async def test_a_forgotten_password_is_reset_with_the_mailed_token(service: Harness) -> None:
    user_id = await account(service)
    tokens = await signed_in(service)
    await forgot(service, "JOHN@example.com")
    (mail,) = await mails(service, "reset_password")
    assert (mail["user_id"], mail["email"], mail["first_name"]) == (user_id, "john@example.com", "John")

    answer = await reset(service, mail["token"])

    assert answer.status_code == 200
    assert (await login(service)).status_code == 401
    assert (await login(service, password=NEW)).status_code == 200
    assert (await bearer(service, tokens).get("/auth/me")).status_code == 401
    assert (await refreshed(service, tokens["refresh_token"])).status_code == 401
    assert (await state(service, user_id)).is_verified, "who can read the mail has the address"
    assert len(await mails(service, "password_changed")) == 1


async def test_a_token_works_once(service: Harness) -> None:
    await account(service)
    await forgot(service)
    token = await mailed_token(service, "reset_password")
    await reset(service, token)

    again = await reset(service, token)

    assert (again.status_code, again.json()["code"]) == (400, "invalid_token")


async def test_a_token_expires(service: Harness) -> None:
    await account(service)
    await forgot(service)
    await expire(service)

    assert (await reset(service, await mailed_token(service, "reset_password"))).status_code == 400


async def test_only_the_newest_token_works(service: Harness) -> None:
    await account(service)
    await forgot(service)
    old = await mailed_token(service, "reset_password")
    await forgot(service)

    assert (await reset(service, old)).status_code == 400
    assert (await reset(service, await mailed_token(service, "reset_password"))).status_code == 200


async def test_a_token_is_good_for_its_purpose_only(service: Harness) -> None:
    await service.client().post("/auth/register", json=JOHN)

    assert (await reset(service, await mailed_token(service, "verify_email"))).status_code == 400


async def test_a_changed_password_withdraws_mailed_tokens(service: Harness) -> None:
    user_id = await account(service)
    await forgot(service)

    await service.person(user_id).post("/auth/change-password", json={"current_password": PASSWORD, "new_password": NEW})

    assert (await reset(service, await mailed_token(service, "reset_password"), "third password")).status_code == 400


async def test_a_changed_password_leaves_the_verification_mail_good(service: Harness) -> None:
    await service.client().post("/auth/register", json=JOHN)
    token = await mailed_token(service, "verify_email")
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await bearer(service, await signed_in(service)).post("/auth/change-password", json=body)).status_code == 200

    assert (await service.client().post("/auth/verify-email", json={"token": token})).status_code == 200


async def test_a_reset_opens_a_lock(service: Harness) -> None:
    await account(service)
    await login(service, password="wrong")
    async with service.database.transaction() as tx:
        for _ in range(4):
            await tx.run(
                "INSERT INTO login_failures (subject, network, failed_at) SELECT subject, network, now() FROM login_failures"
            )
    assert (await login(service)).status_code == 429
    await forgot(service)

    await reset(service, await mailed_token(service, "reset_password"))

    assert (await login(service, password=NEW)).status_code == 200


async def test_the_answer_is_the_same_for_an_address_that_nobody_has(service: Harness) -> None:
    await account(service)
    answers = [
        await service.client().post("/auth/forgot-password", json={"email": email})
        for email in ("john@example.com", "nobody@example.com")
    ]

    assert {a.status_code for a in answers} == {202}
    assert answers[0].content == answers[1].content
    assert len(await mails(service, "reset_password")) == 1


async def test_an_inactive_account_gets_no_mail_and_can_use_none(service: Harness) -> None:
    await account(service)
    await forgot(service)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE accounts SET is_active = false")
    await forgot(service)

    assert len(await mails(service, "reset_password")) == 1
    assert (await reset(service, await mailed_token(service, "reset_password"))).status_code == 400


async def test_five_mails_an_hour_are_enough(service: Harness) -> None:
    await account(service)
    for _ in range(7):
        await forgot(service)
    assert len(await mails(service, "reset_password")) == 5
    async with service.database.transaction() as tx:
        await tx.run("UPDATE mail_tokens SET counted_from = counted_from - interval '61 minutes'")

    await forgot(service)

    assert len(await mails(service, "reset_password")) == 6
    assert (await reset(service, await mailed_token(service, "reset_password"))).status_code == 200


async def test_an_address_is_verified_with_the_token_mailed_at_registration(service: Harness) -> None:
    user_id = (await service.client().post("/auth/register", json=JOHN)).json()["id"]
    token = await mailed_token(service, "verify_email")

    pasted = f" {token}\n"  # as it comes from a mail
    answers = [await service.client().post("/auth/verify-email", json={"token": pasted}) for _ in range(2)]

    assert [a.status_code for a in answers] == [200, 400]
    assert (await state(service, user_id)).is_verified
    assert (await service.outbox("auth.user.changed.v1"))[-1]["data"]["is_verified"] is True


@pytest.mark.parametrize("signed_in_", [True, False])
async def test_the_verification_mail_can_be_sent_again(service: Harness, signed_in_: bool) -> None:
    user_id = await account(service)
    client = service.person(user_id) if signed_in_ else service.client()

    answer = await client.post("/auth/resend-verification", json=None if signed_in_ else {"email": "john@example.com"})

    assert answer.status_code == 202
    token = await mailed_token(service, "verify_email")
    assert (await service.client().post("/auth/verify-email", json={"token": token})).status_code == 200
    assert (await client.post("/auth/resend-verification", json={"email": "john@example.com"})).status_code == 202
    assert len(await mails(service, "verify_email")) == 1, "there is nothing to verify any more"


async def test_asking_for_nobodys_mail_is_422(service: Harness) -> None:
    answer = await service.client().post("/auth/resend-verification")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "email")


@pytest.mark.parametrize("token", ["", "x", "x" * 201, None, 1])
@pytest.mark.parametrize("path", ["verify-email", "reset-password"])
async def test_a_token_nobody_mailed_is_refused(service: Harness, path: str, token: Any) -> None:
    answer = await service.client().post(f"/auth/{path}", json={"token": token, "new_password": NEW})

    assert answer.status_code in (400, 422)


async def test_mailed_tokens_are_stored_only_as_hashes(service: Harness) -> None:
    await service.client().post("/auth/register", json=JOHN)
    token = await mailed_token(service, "verify_email")

    async with service.database.reading() as tx:
        rows = await tx.rows("SELECT * FROM mail_tokens")

    assert len(rows) == 1
    assert token not in repr(rows)


@pytest.mark.parametrize("typed", ["gefällt mir", unicodedata.normalize("NFD", "gefällt mir")])
async def test_a_password_is_the_same_however_it_is_typed(service: Harness, typed: str) -> None:
    await account(service, password_hash=HASHER.hash("gefällt mir"))

    assert (await login(service, password=typed)).status_code == 200


async def test_a_password_that_was_kept_as_it_was_typed_is_kept_composed_from_then_on(service: Harness) -> None:
    typed = unicodedata.normalize("NFD", "gefällt mir")
    await account(service, password_hash=HASHER.hash(typed))

    assert (await login(service, password="gefällt mir")).status_code == 401
    assert (await login(service, password=typed)).status_code == 200
    assert (await login(service, password="gefällt mir")).status_code == 200
    assert (await login(service, password="e\u0301" * 129)).status_code == 422
