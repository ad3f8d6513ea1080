"""Signing in, refreshing, signing out."""

from typing import Any

import jwt
import pytest

from tests.harness import Harness
from tests.services.auth.people import account, audited, bearer, login, refreshed, signed_in

JSON = {"Content-Type": "application/json"}


async def test_a_login_answers_what_the_reference_shows_and_a_refresh_token(service: Harness) -> None:
    user_id = await account(service)

    answer = await login(service)

    assert answer.status_code == 200
    body = answer.json()
    assert body["user"] == {"id": user_id, "email": "john@example.com", "role": "student", "is_active": True}
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 1200
    assert len(body["refresh_token"]) >= 43
    assert answer.headers["cache-control"] == "no-store"


async def test_an_access_token_says_who_for_how_long_and_in_which_session(service: Harness) -> None:
    user_id = await account(service, role="tutor")

    claims = jwt.decode((await signed_in(service))["access_token"], options={"verify_signature": False})

    assert claims["sub"] == str(user_id)
    assert (claims["role"], claims["typ"], claims["iss"], claims["aud"]) == ("tutor", "access", "edustream", "edustream")
    assert claims["exp"] - claims["iat"] == 1200
    assert {"jti", "sid", "ver"} <= claims.keys()


@pytest.mark.parametrize("email", ["JOHN@example.com", "  john@EXAMPLE.com "])
async def test_an_email_address_is_compared_without_case(service: Harness, email: str) -> None:
    await account(service)

    assert (await login(service, email)).status_code == 200


async def test_the_password_form_of_oauth2_signs_in_too(service: Harness) -> None:
    await account(service)
    form = {"grant_type": "password", "username": "john@example.com", "password": "password123"}

    answer = await service.client().post("/auth/login", data=form)

    assert answer.status_code == 200
    assert (await bearer(service, answer.json()).get("/auth/me")).status_code == 200


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("john@example.com", "wrong"),
        ("nobody@example.com", "password123"),
        ("not an address", "password123"),
        ("john@example.com\0", "password123"),
        ("john@example.com", "pass\0word"),
        ("", ""),
    ],
)
async def test_wrong_credentials_answer_alike(service: Harness, email: str, password: str) -> None:
    await account(service)

    answer = await login(service, email, password)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {"detail": "The e-mail address or the password is wrong.", "code": "wrong_credentials"}


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {}},
        {"json": []},
        {"json": {"email": 1, "password": "x"}},
        {"json": {"email": "a" * 255, "password": "x"}},
        {"content": b"{", "headers": JSON},
        {"content": b"[" * 100_000, "headers": JSON},
        {"content": b'{"email": "\\ud800@example.com", "password": "half a character"}', "headers": JSON},
        {"data": {"username": "john@example.com"}},
        {"json": {"email": "john@example.com", "password": "x" * 129}},
    ],
    ids=range(9),
)
async def test_a_malformed_login_is_422_in_the_one_error_shape(service: Harness, request_: dict[str, Any]) -> None:
    answer = await service.client().post("/auth/login", **request_)

    assert answer.status_code == 422
    assert answer.json()["code"] == "validation_error"


async def test_a_login_that_is_no_text_is_400_like_any_other_body(service: Harness) -> None:
    answer = await service.client().post("/auth/login", content=b"\xff", headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_an_inactive_account_cannot_sign_in(service: Harness) -> None:
    await account(service)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE accounts SET is_active = false")

    answer = await login(service)

    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")


async def test_a_refresh_token_is_exchanged_for_new_tokens_of_the_same_session(service: Harness) -> None:
    await account(service)
    first = await signed_in(service)

    answer = await refreshed(service, first["refresh_token"])

    assert answer.status_code == 200
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    sessions = [jwt.decode(t["access_token"], options={"verify_signature": False})["sid"] for t in (first, second)]
    assert sessions[0] == sessions[1]
    assert (await bearer(service, second).get("/auth/me")).status_code == 200


async def test_a_refresh_token_is_stored_only_as_a_hash(service: Harness) -> None:
    await account(service)
    token = (await signed_in(service))["refresh_token"]

    async with service.database.reading() as tx:
        rows = await tx.rows("SELECT * FROM refresh_tokens")

    assert len(rows) == 1
    assert token not in repr(rows)


async def test_a_spent_refresh_token_ends_its_session_but_no_other(service: Harness) -> None:
    user_id = await account(service)
    stolen, other = await signed_in(service), await signed_in(service)
    newest = (await refreshed(service, stolen["refresh_token"])).json()

    assert (await refreshed(service, stolen["refresh_token"])).status_code == 401

    assert (await refreshed(service, newest["refresh_token"])).status_code == 401
    assert (await refreshed(service, other["refresh_token"])).status_code == 200
    revoked = await service.outbox("auth.session.revoked.v1")
    session = jwt.decode(stolen["access_token"], options={"verify_signature": False})["sid"]
    assert [(r["data"]["user_id"], r["data"]["session_id"]) for r in revoked] == [(user_id, session)]
    assert [a["action"] for a in await audited(service)] == ["refresh_token_reused"]


async def test_an_access_token_is_not_good_as_a_refresh_token_nor_the_other_way_round(service: Harness) -> None:
    await account(service)
    tokens = await signed_in(service)

    assert (await refreshed(service, tokens["access_token"][:200])).status_code == 401
    swapped = bearer(service, {"access_token": tokens["refresh_token"]})
    assert (await swapped.get("/auth/me")).status_code == 401


async def test_a_session_that_was_not_refreshed_for_long_is_over(service: Harness) -> None:
    await account(service)
    token = (await signed_in(service))["refresh_token"]
    async with service.database.transaction() as tx:
        await tx.run("UPDATE sessions SET expires_at = now() - interval '1 second'")

    assert (await refreshed(service, token)).status_code == 401


async def test_a_session_ends_after_half_a_year_however_often_it_was_refreshed(service: Harness) -> None:
    await account(service)
    token = (await signed_in(service))["refresh_token"]
    async with service.database.transaction() as tx:
        await tx.run("UPDATE sessions SET created_at = now() - interval '179 days'")

    token = (await refreshed(service, token)).json()["refresh_token"]

    async with service.database.transaction() as tx:
        assert await tx.value("SELECT expires_at - created_at = interval '180 days' FROM sessions")
        await tx.run("UPDATE sessions SET expires_at = now() - interval '1 second'")
    assert (await refreshed(service, token)).status_code == 401


async def test_refreshing_after_a_change_of_role_gives_the_new_role(service: Harness) -> None:
    await account(service)
    token = (await signed_in(service))["refresh_token"]
    async with service.database.transaction() as tx:
        await tx.run("UPDATE accounts SET role = 'tutor', token_version = 2")

    tokens = (await refreshed(service, token)).json()

    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["role"], claims["ver"]) == ("tutor", 2)


async def test_signing_out_ends_this_session_only(service: Harness) -> None:
    await account(service)
    here, there = await signed_in(service), await signed_in(service)

    assert (await bearer(service, here).post("/auth/logout")).status_code == 204

    assert (await refreshed(service, here["refresh_token"])).status_code == 401
    assert (await refreshed(service, there["refresh_token"])).status_code == 200


async def test_signing_out_with_a_refresh_token_needs_no_access_token(service: Harness) -> None:
    await account(service)
    tokens = await signed_in(service)
    stale = service.client(Authorization="Bearer stale")

    answer = await stale.post("/auth/logout", json={"refresh_token": tokens["refresh_token"]})

    assert answer.status_code == 204
    assert (await refreshed(service, tokens["refresh_token"])).status_code == 401


async def test_signing_out_as_nobody_is_401(service: Harness) -> None:
    assert (await service.client().post("/auth/logout")).status_code == 401


async def test_signing_out_everywhere_ends_all_sessions_and_tokens(service: Harness) -> None:
    user_id = await account(service)
    here, there = await signed_in(service), await signed_in(service)

    assert (await bearer(service, here).post("/auth/logout-all")).status_code == 204

    for tokens in (here, there):
        assert (await refreshed(service, tokens["refresh_token"])).status_code == 401
        assert (await bearer(service, tokens).get("/auth/me")).status_code == 401
    said = (await service.outbox("auth.session.revoked.v1"))[-1]["data"]
    assert (said["user_id"], said["below_version"]) == (user_id, 2)
    assert (await audited(service))[-1]["action"] == "sessions_ended"
    assert (await bearer(service, await signed_in(service)).get("/auth/me")).status_code == 200


async def test_the_keys_are_published_as_jwks(service: Harness) -> None:
    answer = await service.client().get("/.well-known/jwks.json")

    assert answer.status_code == 200
    (key,) = answer.json()["keys"]
    assert {"kid", "x", "use", "alg", "kty", "crv"} == key.keys()


async def test_only_administrators_signing_in_is_in_the_audit_log(service: Harness) -> None:
    admin = await account(service, "admin@example.com", "admin")
    await account(service)
    await login(service, "admin@example.com", "wrong")
    await login(service)

    await login(service, "admin@example.com", agent="Office")

    (act,) = await audited(service)
    assert (act["action"], act["user_agent"]) == ("administrator_signed_in", "Office")
    assert (act["actor_id"], act["target_id"]) == (admin, admin)
