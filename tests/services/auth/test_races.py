"""Things that must not happen even when two do them at once."""

import asyncio
from collections import Counter

import pytest

from tests.harness import Harness
from tests.services.auth.people import PASSWORD, account, administrator, login, mailed_token, refreshed, signed_in, state

JOHN = {"password": PASSWORD, "first_name": "John", "last_name": "Doe"}


async def active_administrators(service: Harness) -> int:
    async with service.database.reading() as tx:
        number: int = await tx.value("SELECT count(*) FROM accounts WHERE role = 'admin' AND is_active")
        return number


async def test_racing_registrations_of_one_address_make_one_account(service: Harness) -> None:
    emails = ["john@example.com", "JOHN@example.com", "John@Example.com"] * 3

    answers = await asyncio.gather(*(service.client().post("/auth/register", json=JOHN | {"email": e}) for e in emails))

    assert Counter(a.status_code for a in answers) == {201: 1, 409: 8}
    assert len(await service.outbox("auth.user.registered.v1")) == 1
    assert len(await service.outbox("auth.mail.requested.v1")) == 1


async def test_two_refreshes_with_one_token_are_a_theft(service: Harness) -> None:
    await account(service)
    token = (await signed_in(service))["refresh_token"]

    answers = await asyncio.gather(*(refreshed(service, token) for _ in range(5)))

    assert Counter(a.status_code for a in answers) == {200: 1, 401: 4}
    (winner,) = [a for a in answers if a.status_code == 200]
    assert (await refreshed(service, winner.json()["refresh_token"])).status_code == 401
    assert len(await service.outbox("auth.session.revoked.v1")) == 1


@pytest.mark.parametrize("body", [{"role": "student"}, {"is_active": False}])
async def test_administrators_who_demote_each_other_leave_one(service: Harness, body: dict[str, object]) -> None:
    people = [await administrator(service, f"admin{number}@example.com") for number in range(4)]

    answers = await asyncio.gather(
        *(client.put(f"/api/admin/users/{other}", json=body) for mine, client in people for other, _ in people if other != mine)
    )

    assert await active_administrators(service) == 1
    assert {a.status_code for a in answers} <= {200, 401}


async def test_administrators_who_all_leave_at_once_leave_one(service: Harness) -> None:
    people = [await administrator(service, f"admin{number}@example.com") for number in range(4)]

    answers = await asyncio.gather(*(client.request("DELETE", "/auth/me", json={"password": PASSWORD}) for _, client in people))

    assert Counter(a.status_code for a in answers) == {204: 3, 409: 1}
    assert await active_administrators(service) == 1


async def test_a_mailed_token_used_twice_at_once_works_once(service: Harness) -> None:
    await account(service)
    await service.client().post("/auth/forgot-password", json={"email": "john@example.com"})
    token = await mailed_token(service, "reset_password")

    answers = await asyncio.gather(
        *(
            service.client().post("/auth/reset-password", json={"token": token, "new_password": f"password number {n}"})
            for n in range(4)
        )
    )

    assert Counter(a.status_code for a in answers) == {200: 1, 400: 3}


async def test_no_login_with_the_old_password_outlives_a_change(service: Harness) -> None:
    """Logins whose hashing began before the change must not leave a session behind it."""
    user_id = await account(service)
    change = {"current_password": PASSWORD, "new_password": "another password"}

    changed, *logins = await asyncio.gather(
        service.person(user_id).post("/auth/change-password", json=change), *(login(service) for _ in range(6))
    )

    assert changed.status_code == 200
    for answer in logins:
        if answer.status_code == 200:
            assert (await refreshed(service, answer.json()["refresh_token"])).status_code == 401


async def test_two_password_changes_at_once_are_one(service: Harness) -> None:
    user_id = await account(service)
    person = service.person(user_id)

    answers = await asyncio.gather(
        *(
            person.post("/auth/change-password", json={"current_password": PASSWORD, "new_password": f"password number {n}"})
            for n in range(3)
        )
    )

    assert sorted(a.status_code for a in answers)[0] == 200
    assert sum(a.status_code == 200 for a in answers) == 1


async def test_changes_of_one_account_at_once_all_count_up_its_version(service: Harness) -> None:
    user_id = await account(service)
    person = service.person(user_id)

    await asyncio.gather(*(person.put("/auth/me", json={"first_name": f"John {n}"}) for n in range(8)))

    said = [e["data"]["version"] for e in await service.outbox("auth.user.changed.v1")]
    assert sorted(said) == list(range(2, 10))
    assert (await state(service, user_id)).version == 9


async def test_two_purges_at_once_purge_each_account_once(service: Harness) -> None:
    _, admin = await administrator(service)
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO accounts (email, password_hash, role, first_name, last_name, is_active, deleted_at)
            SELECT n || '@example.com', '', 'student', 'a', 'b', false, now() - interval '1 year'
            FROM generate_series(1, 250) n"""
        )

    answers = await asyncio.gather(*(admin.post("/api/audit/purge-old-deletes") for _ in range(3)))

    assert sum(a.json()["purged"] for a in answers) == 250
    said = Counter(e["data"]["user_id"] for e in await service.outbox("auth.user.purged.v1"))
    assert len(said) == 250
    assert set(said.values()) == {1}
