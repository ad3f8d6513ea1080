"""Soft deletion, restoration, purge."""

import pytest

from tests import images
from tests.harness import Harness
from tests.services.auth.people import account, administrator, audited, login, refreshed, signed_in, state


async def deleted_days_ago(service: Harness, user_id: int, days: int) -> None:
    async with service.database.transaction() as tx:
        await tx.run(
            """UPDATE accounts SET is_active = false, deleted_at = now() - make_interval(days => %(days)s::int),
            deletion_reason = 'told us why' WHERE id = %(id)s""",
            id=user_id,
            days=days,
        )


async def test_deleting_ends_everything_and_hides_the_account(service: Harness) -> None:
    admin_id, admin = await administrator(service)
    user_id = await account(service)
    tokens = await signed_in(service)

    assert (await admin.delete(f"/api/admin/users/{user_id}")).status_code == 204

    assert (await service.person(user_id).get("/auth/me")).status_code == 401
    assert (await refreshed(service, tokens["refresh_token"])).status_code == 401
    assert (await login(service)).status_code == 401
    listed = (await admin.get("/api/admin/users")).json()
    assert [u["id"] for u in listed["items"]] == [admin_id]
    said = (await service.outbox("auth.user.changed.v1"))[-1]["data"]
    assert (said["is_active"], said["deleted_at"] is not None, said["first_name"]) == (False, True, "John")
    (audit,) = await audited(service)
    assert (audit["action"], audit["actor_id"], audit["target_id"]) == ("user_deleted", admin_id, user_id)
    assert audit["details"]["before"] == {"is_active": True, "deleted_at": None}
    assert audit["details"]["after"]["is_active"] is False


async def test_the_audit_command_deletes_with_a_reason(service: Harness) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)

    answer = await admin.post("/api/audit/soft-delete-user", json={"user_id": user_id, "reason": " Spam\nand more "})

    assert answer.status_code == 200
    body = answer.json()
    assert (body["id"], body["is_active"], body["deletion_reason"]) == (user_id, False, "Spam\nand more")
    assert body["deleted_at"].endswith("Z")
    assert (await audited(service))[-1]["details"]["reason"] == "Spam\nand more"


async def test_deleting_twice_is_409(service: Harness) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)
    await admin.delete(f"/api/admin/users/{user_id}")

    for answer in (
        await admin.delete(f"/api/admin/users/{user_id}"),
        await admin.post("/api/audit/soft-delete-user", json={"user_id": user_id}),
        await admin.put(f"/api/admin/users/{user_id}", json={"is_active": True}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "account_deleted")


async def test_administrators_cannot_delete_themselves_here(service: Harness) -> None:
    user_id, admin = await administrator(service)
    await administrator(service, "second@example.com")

    for answer in (
        await admin.delete(f"/api/admin/users/{user_id}"),
        await admin.post("/api/audit/soft-delete-user", json={"user_id": user_id}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "not_yourself")


async def test_a_deleted_account_can_be_restored(service: Harness) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)
    await admin.post("/api/audit/soft-delete-user", json={"user_id": user_id, "reason": "a mistake"})

    answer = await admin.post("/api/audit/restore-user", json={"user_id": user_id})

    assert (answer.status_code, answer.json()["is_active"]) == (200, True)
    assert (await login(service)).status_code == 200
    said = (await service.outbox("auth.user.changed.v1"))[-1]["data"]
    assert (said["is_active"], said["deleted_at"], said["version"]) == (True, None, 3)
    restored = (await audited(service))[-1]
    assert (restored["action"], restored["details"]["after"]) == ("user_restored", {"is_active": True, "deleted_at": None})


async def test_who_was_banned_before_the_deletion_stays_banned_when_restored(service: Harness) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)
    await admin.put(f"/api/admin/users/{user_id}", json={"is_active": False})
    await admin.delete(f"/api/admin/users/{user_id}")

    answer = await admin.post("/api/audit/restore-user", json={"user_id": user_id})

    assert (answer.status_code, answer.json()["is_active"]) == (200, False)
    assert (await login(service)).status_code == 401
    assert (await audited(service))[-1]["details"]["after"] == {"is_active": False, "deleted_at": None}
    assert (await state(service, user_id)).was_active is None


async def test_a_deleted_address_stays_taken_until_the_purge(service: Harness) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)
    john = {"email": "john@example.com", "password": "password123", "first_name": "John", "last_name": "Doe"}
    await admin.delete(f"/api/admin/users/{user_id}")

    assert (await service.client().post("/auth/register", json=john)).status_code == 409
    await admin.post("/api/audit/purge-old-deletes", json={"days_old": 0})
    assert (await service.client().post("/auth/register", json=john)).status_code == 201


@pytest.mark.parametrize(("purged", "status", "code"), [(False, 409, "account_not_deleted"), (True, 404, "not_found")])
async def test_what_cannot_be_restored(service: Harness, purged: bool, status: int, code: str) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)
    if purged:
        await deleted_days_ago(service, user_id, 100)
        await admin.post("/api/audit/purge-old-deletes")

    answer = await admin.post("/api/audit/restore-user", json={"user_id": user_id})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await admin.post("/api/audit/restore-user", json={"user_id": 987654321})).status_code == 404


async def test_deleted_users_are_listed_newest_deletion_first(service: Harness) -> None:
    _, admin = await administrator(service)
    for days in (5, 1, 3):
        await deleted_days_ago(service, await account(service, f"gone{days}@example.com"), days)

    first = (await admin.get("/api/audit/deleted-users", params={"page_size": 2})).json()
    second = (await admin.get("/api/audit/deleted-users", params={"page_size": 2, "page": 2})).json()

    assert [u["email"] for u in first["items"] + second["items"]] == [f"gone{days}@example.com" for days in (1, 3, 5)]
    assert (first["total"], first["total_pages"]) == (3, 2)
    assert first["items"][0]["deletion_reason"] == "told us why"


async def test_a_purge_anonymises_for_good_what_was_deleted_long_ago(service: Harness) -> None:
    admin_id, admin = await administrator(service)
    old, recent = await account(service), await account(service, "recent@example.com")
    await signed_in(service)
    picture, key = {"file": ("me.png", images.picture(), "image/png")}, {"Idempotency-Key": "p-1"}
    await service.person(old).post("/api/users/me/avatar", files=picture, headers=key)
    await service.person(old).put("/auth/me", json={"phone": "+380441234567"})
    await deleted_days_ago(service, old, 91)
    await deleted_days_ago(service, recent, 89)

    answer = await admin.post("/api/audit/purge-old-deletes", json={"days_old": 90})

    assert (answer.status_code, answer.json()["purged"]) == (200, 1)
    after = await state(service, old)
    assert (after.first_name, after.last_name, after.phone, after.avatar_name) == ("Deleted", "user", None, "default.png")
    assert (after.email, after.deletion_reason) == (f"purged-{old}@deleted.invalid", None)
    assert (await state(service, recent)).first_name == "John"
    (said,) = await service.outbox("auth.user.purged.v1")
    data = said["data"]
    assert (data["user_id"], data["purged"], data["first_name"], data["last_name"]) == (old, True, "Deleted", "user")
    assert "john" not in str(data).lower()
    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM sessions") == 0
        assert await tx.value("SELECT count(*) FROM idempotency_keys") == 0
        assert await tx.value("SELECT count(*) FROM stale_files") == 1
    (audit,) = await audited(service)
    assert (audit["action"], audit["actor_id"], audit["target_id"]) == ("user_purged", admin_id, old)
    assert (audit["details"]["before"], audit["details"]["after"].keys()) == ({"purged_at": None}, {"purged_at"})
    assert (await admin.get("/api/audit/deleted-users")).json()["total"] == 1


async def test_a_purge_happens_once(service: Harness) -> None:
    _, admin = await administrator(service)
    await deleted_days_ago(service, await account(service), 365)

    counts = [(await admin.post("/api/audit/purge-old-deletes")).json()["purged"] for _ in range(2)]

    assert counts == [1, 0]


async def test_a_purge_goes_on_batch_after_batch(service: Harness) -> None:
    _, admin = await administrator(service)
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO accounts (email, password_hash, role, first_name, last_name, is_active, deleted_at)
            SELECT n || '@example.com', '', 'student', 'a', 'b', false, now() - interval '1 year'
            FROM generate_series(1, 450) n"""
        )

    assert (await admin.post("/api/audit/purge-old-deletes")).json()["purged"] == 450


async def test_nobody_can_sign_in_as_a_purged_account(service: Harness) -> None:
    _, admin = await administrator(service)
    user_id = await account(service)
    await deleted_days_ago(service, user_id, 100)
    await admin.post("/api/audit/purge-old-deletes")

    assert (await login(service, f"purged-{user_id}@deleted.invalid", "")).status_code == 401
    assert (await admin.get(f"/api/admin/users/{user_id}")).status_code == 404


@pytest.mark.parametrize("body", [{"days_old": -1}, {"days_old": None}, {"days_old": 1e9}, {"days_old": "x"}])
async def test_a_wrong_age_is_422(service: Harness, body: dict[str, object]) -> None:
    _, admin = await administrator(service)

    assert (await admin.post("/api/audit/purge-old-deletes", json=body)).status_code == 422
