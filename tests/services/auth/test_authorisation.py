"""Who may use which endpoint: every route of the service, asked by everybody."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from shared.events.auth import SessionsRevoked
from shared.revocations import apply
from tests import images
from tests.harness import Harness, token
from tests.services.auth.people import PASSWORD, account, administrator, state

PICTURE = {"files": {"file": ("me.png", images.picture(), "image/png")}}
OTHER = "{other}"  # stands for the id of somebody else

PUBLIC: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/auth/register"): {"json": {"email": "new@example.com", "password": PASSWORD, "first_name": "a", "last_name": "b"}},
    ("POST", "/auth/login"): {"json": {"email": "john@example.com", "password": PASSWORD}},
    ("POST", "/auth/forgot-password"): {"json": {"email": "john@example.com"}},
    ("POST", "/auth/resend-verification"): {"json": {"email": "john@example.com"}},
    ("GET", "/api/avatars/default.png"): {},
    ("GET", "/.well-known/jwks.json"): {},
}
BY_SECRET: dict[tuple[str, str], dict[str, Any]] = {  # open to whoever holds a secret, refused to all others
    ("POST", "/auth/refresh"): {"json": {"refresh_token": "x"}},
    ("POST", "/auth/reset-password"): {"json": {"token": "x", "new_password": PASSWORD}},
    ("POST", "/auth/verify-email"): {"json": {"token": "x"}},
}
SIGNED_IN: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "/auth/me"): {},
    ("PUT", "/auth/me"): {"json": {"first_name": "Jane"}},
    ("DELETE", "/auth/me"): {"json": {"password": PASSWORD}},
    ("POST", "/auth/logout"): {},
    ("POST", "/auth/logout-all"): {},
    ("POST", "/auth/change-password"): {"json": {"current_password": PASSWORD, "new_password": "another password"}},
    ("POST", "/api/users/me/avatar"): PICTURE,
    ("GET", "/api/users/me/avatar"): {},
    ("DELETE", "/api/users/me/avatar"): {},
    ("GET", "/api/users/preferences"): {},
    ("PATCH", "/api/users/preferences"): {"json": {"sms_notifications": True}},
    ("GET", "/api/users/currency/options"): {},
    ("PATCH", "/api/users/currency"): {"json": {"currency": "EUR"}},
}
ADMIN: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "/api/admin/users"): {},
    ("GET", f"/api/admin/users/{OTHER}"): {},
    ("PUT", f"/api/admin/users/{OTHER}"): {"json": {"role": "admin"}},
    ("DELETE", f"/api/admin/users/{OTHER}"): {},
    ("PATCH", f"/api/admin/users/{OTHER}/avatar"): PICTURE,
    ("POST", "/api/audit/soft-delete-user"): {"json": {"user_id": OTHER}},
    ("POST", "/api/audit/restore-user"): {"json": {"user_id": OTHER}},
    ("GET", "/api/audit/deleted-users"): {},
    ("POST", "/api/audit/purge-old-deletes"): {"json": {"days_old": 0}},
}
STATELESS = {("GET", "/api/users/currency/options"), ("POST", "/auth/logout")}
"""Answered from the token alone: a deactivation arrives here within a second, not at once."""


def requests(*tables: dict[tuple[str, str], dict[str, Any]]) -> list[Any]:
    return [pytest.param(method, path, body, id=f"{method} {path}") for table in tables for (method, path), body in table.items()]


async def ask(client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any], other: int = 0) -> httpx.Response:
    if body.get("json", {}).get("user_id") == OTHER:
        body = {"json": body["json"] | {"user_id": other}}
    return await client.request(method, path.replace(OTHER, str(other)), **body)


def routes(service: Harness) -> list[APIRoute]:
    return [route for router in service.service.routers for route in router.routes if isinstance(route, APIRoute)]


def test_every_route_is_in_this_matrix(running_service: Harness) -> None:
    served = {(method, route.path) for route in routes(running_service) for method in (route.methods or set()) - {"HEAD"}}
    asked = {(method, path) for table in (PUBLIC, BY_SECRET, SIGNED_IN, ADMIN) for method, path in table}
    templates = {"/api/avatars/default.png": "/api/avatars/{name}"}
    assert {(m, templates.get(p, p.replace(OTHER, "{user_id}"))) for m, p in asked} == {
        (method, path) for method, path in served if not path.startswith("/internal/")
    }


async def test_every_internal_route_is_for_services_only(service: Harness) -> None:
    _, admin = await administrator(service)
    internal = [route for route in routes(service) if route.path.startswith("/internal/")]

    assert len(internal) >= 3
    for route in internal:
        for client in (service.client(), admin):
            path = route.path.format(user_id=1, side="owned", entity="user")
            answer = await client.request(next(iter(route.methods or ())), path, json={"timezone": "UTC", "ids": []})
            assert answer.status_code == 404, route.path


@pytest.mark.parametrize(("method", "path", "body"), requests(SIGNED_IN, ADMIN))
async def test_anonymous_people_are_401(service: Harness, method: str, path: str, body: dict[str, Any]) -> None:
    answer = await ask(service.client(), method, path, body, 1)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize(("method", "path", "body"), requests(SIGNED_IN, ADMIN))
@pytest.mark.parametrize("kind", ["garbage", "expired", "other scheme", "revoked"])
async def test_bad_tokens_are_401(service: Harness, kind: str, method: str, path: str, body: dict[str, Any]) -> None:
    user_id, _ = await administrator(service)
    bad = {
        "garbage": "Bearer garbage",
        "expired": f"Bearer {token(user_id, 'admin', minutes=-1)}",
        "other scheme": f"Basic {token(user_id, 'admin')}",
        "revoked": f"Bearer {token(user_id, 'admin', session_id='revoked session')}",
    }[kind]
    until = datetime.now(UTC) + timedelta(minutes=20)
    apply(service.app.state.tokens.revocations, SessionsRevoked(user_id=user_id, session_id="revoked session", until=until))

    assert (await ask(service.client(Authorization=bad), method, path, body, user_id)).status_code == 401
    assert (await state(service, user_id)).version == 1


@pytest.mark.parametrize(("method", "path", "body"), requests(SIGNED_IN))
@pytest.mark.parametrize("role", ["student", "tutor", "admin"])
async def test_everybody_may_use_their_own_account(
    service: Harness, role: str, method: str, path: str, body: dict[str, Any]
) -> None:
    await administrator(service)
    user_id = await account(service, role=role)

    assert (await ask(service.person(user_id, role), method, path, body)).is_success


@pytest.mark.parametrize(("method", "path", "body"), requests(ADMIN))
@pytest.mark.parametrize("role", ["student", "tutor"])
async def test_only_administrators_administer(service: Harness, role: str, method: str, path: str, body: dict[str, Any]) -> None:
    user_id, other = await account(service, role=role), await account(service, "other@example.com")

    for target in (other, user_id):
        answer = await ask(service.person(user_id, role), method, path, body, target)
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_role")

    assert (await state(service, other)).version == 1


@pytest.mark.parametrize(("method", "path", "body"), requests(ADMIN))
async def test_administrators_may(service: Harness, method: str, path: str, body: dict[str, Any]) -> None:
    _, admin = await administrator(service)
    other = await account(service)
    if path.endswith("restore-user"):
        await admin.delete(f"/api/admin/users/{other}")

    assert (await ask(admin, method, path, body, other)).is_success


@pytest.mark.parametrize(("method", "path", "body"), requests(SIGNED_IN))
async def test_a_deactivated_account_may_do_nothing_even_before_its_revocation_arrives(
    service: Harness, method: str, path: str, body: dict[str, Any]
) -> None:
    user_id = await account(service)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE accounts SET is_active = false")

    answer = await ask(service.person(user_id), method, path, body)

    if (method, path) not in STATELESS:
        assert answer.status_code in (400, 401)
        assert (await state(service, user_id)).version == 1


@pytest.mark.parametrize(("method", "path", "body"), requests({k: v for k, v in ADMIN.items() if k[0] != "GET"}))
async def test_a_demoted_administrator_may_change_nothing_even_before_the_revocation_arrives(
    service: Harness, method: str, path: str, body: dict[str, Any]
) -> None:
    user_id, former = await administrator(service)
    other = await account(service)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE accounts SET role = 'student' WHERE id = %(id)s", id=user_id)

    assert (await ask(former, method, path, body, other)).status_code == 401
    assert (await state(service, other)).version == 1


@pytest.mark.parametrize(("method", "path", "body"), requests(PUBLIC))
async def test_public_endpoints_need_no_token_and_mind_no_stale_one(
    service: Harness, method: str, path: str, body: dict[str, Any]
) -> None:
    await account(service)

    assert (await ask(service.client(), method, path, body)).is_success
    if path not in ("/auth/resend-verification", "/auth/register"):
        assert (await ask(service.client(Authorization="Bearer stale"), method, path, body)).is_success


@pytest.mark.parametrize(("method", "path", "body"), requests(BY_SECRET))
async def test_without_the_secret_nobody_gets_in(service: Harness, method: str, path: str, body: dict[str, Any]) -> None:
    _, admin = await administrator(service)

    for client in (service.client(), admin):
        assert (await ask(client, method, path, body)).status_code in (400, 401, 404)
