"""Uploading, showing and deleting avatars."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.auth import jobs
from services.auth.jobs import delete_stale_files
from shared.worker import Runtime
from tests import images
from tests.harness import Harness
from tests.services.auth.people import account, administrator, audited, state


def png(name: str = "me.png", content: bytes | None = None, type_: str = "image/png") -> dict[str, Any]:
    return {"file": (name, images.picture() if content is None else content, type_)}


def path(url: str) -> str:
    return url.removeprefix("http://localhost:8000")


async def stale(service: Harness) -> list[str]:
    async with service.database.reading() as tx:
        return [row["name"] for row in await tx.rows("SELECT name FROM stale_files")]


async def test_an_uploaded_picture_is_shown_to_everybody(service: Harness) -> None:
    user_id = await account(service)

    answer = await service.person(user_id).post("/api/users/me/avatar", files=png())

    assert answer.status_code == 201
    body = answer.json()
    assert body["uploaded_at"].endswith("Z")
    shown = await service.client().get(path(body["avatar_url"]))
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    assert images.read(shown.content).size == (64, 48)
    assert (await service.person(user_id).get("/api/users/me/avatar")).json() == {"avatar_url": body["avatar_url"]}
    assert (await service.outbox("auth.user.changed.v1"))[-1]["data"]["avatar_url"] == body["avatar_url"]


async def test_a_picture_may_be_cached_for_ever_and_asked_for_by_etag(service: Harness) -> None:
    user_id = await account(service)
    url = (await service.person(user_id).post("/api/users/me/avatar", files=png())).json()["avatar_url"]
    client = service.client()

    shown = await client.get(path(url))
    again = await client.get(path(url), headers={"If-None-Match": f'"other", W/{shown.headers["etag"]}'})
    other = await client.get(path(url), headers={"If-None-Match": '"other"'})
    head = await client.head(path(url))

    assert shown.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert not shown.headers["etag"].startswith("W/")
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", shown.headers["etag"])
    assert other.status_code == 200
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(shown.content)))


async def test_another_picture_has_another_address_and_the_old_file_is_deleted_later(service: Harness, runtime: Runtime) -> None:
    user_id = await account(service)
    person = service.person(user_id)
    first, second = [(await person.post("/api/users/me/avatar", files=png())).json()["avatar_url"] for _ in range(2)]
    client = service.client()
    assert first != second
    assert (await client.get(path(first))).status_code == 200, "services that have not heard yet still show it"
    assert await stale(service) == [first.rpartition("/")[2]]

    await delete_stale_files(runtime)
    assert (await client.get(path(first))).status_code == 200
    await _hours_pass(service)
    await delete_stale_files(runtime)

    assert (await client.get(path(first))).status_code == 404
    assert (await client.get(path(second))).status_code == 200
    assert await stale(service) == []


async def test_a_picture_that_is_sent_twice_with_one_key_is_stored_once(service: Harness) -> None:
    person = service.person(await account(service))
    key = {"Idempotency-Key": "p-1"}

    first, again = [await person.post("/api/users/me/avatar", files=png(), headers=key) for _ in range(2)]
    other = await person.post("/api/users/me/avatar", files=png(content=images.picture(size=(8, 8))), headers=key)

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await stale(service) == []
    assert (await person.get("/api/users/me/avatar")).json()["avatar_url"] == first.json()["avatar_url"]


async def test_a_picture_that_is_gone_is_404_for_those_who_know_it_too(service: Harness) -> None:
    for condition in ("*", f'"{"0" * 32}"'):
        answer = await service.client().get(f"/api/avatars/{'0' * 32}.webp", headers={"If-None-Match": condition})

        assert answer.status_code == 404


async def test_deleting_goes_back_to_the_default_picture(service: Harness) -> None:
    user_id = await account(service)
    person = service.person(user_id)
    await person.post("/api/users/me/avatar", files=png())

    for _ in range(2):
        answer = await person.delete("/api/users/me/avatar")
        assert answer.status_code == 200
        assert answer.json() == {
            "message": "Avatar deleted successfully",
            "avatar_url": "http://localhost:8000/api/avatars/default.png",
        }

    assert (await person.get("/auth/me")).json()["avatar_url"].endswith("/default.png")
    assert len(await stale(service)) == 1
    assert "default.png" not in await stale(service)


async def test_the_default_picture_is_always_there(service: Harness) -> None:
    shown = await service.client().get("/api/avatars/default.png")

    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert images.read(shown.content).format == "PNG"
    assert shown.headers["etag"] == f'"{hashlib.sha256(shown.content).hexdigest()[:32]}"', "a release may bring another one"


@pytest.mark.parametrize(
    "name", ["nobody.webp", "0" * 32 + ".webp", "..%2f..%2fetc%2fpasswd", "%00", "default.png.webp", "0" * 32]
)
async def test_there_are_no_other_pictures(service: Harness, name: str) -> None:
    assert (await service.client().get(f"/api/avatars/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        (png(content=b"not a picture"), 400, "not_a_picture"),
        (png(content=b""), 400, "not_a_picture"),
        (png("me.jpg", type_="image/jpeg"), 400, "lying_picture"),
        (png(content=images.bomb()), 400, "too_many_pixels"),
        (png("me.pdf", b"%PDF-1.7", "application/pdf"), 415, "not_a_picture_type"),
        (png("me.svg", b"<svg/>", "image/svg+xml"), 415, "not_a_picture_type"),
        (png(content=b"\0" * (5 * 1024 * 1024 + 1)), 413, "picture_too_large"),
        (png(content=b"\0" * (6 * 1024 * 1024)), 413, "picture_too_large"),
        ({"other": ("me.png", b"", "image/png")}, 422, "validation_error"),
    ],
)
async def test_what_cannot_be_an_avatar_is_refused(service: Harness, files: Any, status: int, code: str) -> None:
    user_id = await account(service)

    answer = await service.person(user_id).post("/api/users/me/avatar", files=files)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await state(service, user_id)).avatar_name == "default.png"
    assert await stale(service) == []


async def test_exactly_five_mebibytes_are_taken(service: Harness) -> None:
    user_id = await account(service)
    content = images.picture("GIF", mode="P")
    content += b"\0" * (5 * 1024 * 1024 - len(content))

    answer = await service.person(user_id).post("/api/users/me/avatar", files=png("me.gif", content, "image/gif"))

    assert answer.status_code == 201


async def test_a_body_that_does_not_say_how_long_it_is_is_counted(service: Harness) -> None:
    user_id = await account(service)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="me.png"\r\nContent-Type: image/png\r\n\r\n'
        while sent < 50:
            sent += 1
            yield b"\0" * 1024 * 1024

    answer = await service.person(user_id).post(
        "/api/users/me/avatar", content=endless(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Content-Type": "application/json"}, 415), ({"Content-Type": "multipart/form-data"}, 400), ({}, 415)],
)
async def test_a_request_without_a_file_is_refused(service: Harness, headers: dict[str, str], status: int) -> None:
    user_id = await account(service)

    answer = await service.person(user_id).post("/api/users/me/avatar", content=b"{}", headers=headers)

    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


async def test_an_administrator_changes_somebodys_picture(service: Harness) -> None:
    user_id = await account(service)
    admin_id, admin = await administrator(service)

    answer = await admin.patch(f"/api/admin/users/{user_id}/avatar", files=png())

    assert answer.status_code == 200
    assert answer.json()["avatar_url"].endswith((await state(service, user_id)).avatar_name)
    (said,) = await audited(service)
    assert (said["action"], said["actor_id"], said["target_id"]) == ("user_avatar_changed", admin_id, user_id)
    assert said["details"]["before"]["avatar_url"].endswith("/default.png")
    assert said["details"]["after"] == {"avatar_url": answer.json()["avatar_url"]}


async def test_a_file_that_cannot_be_deleted_keeps_no_other_from_it(
    service: Harness, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "FILES", 3)
    (tmp_path / "avatars" / "00.webp" / "a directory").mkdir(parents=True)
    settings = runtime.settings.model_copy(update={"object_store_url": f"file://{tmp_path}"})
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO stale_files (name, since)
            SELECT lpad(n::text, 2, '0') || '.webp', now() - interval '1 day' + n * interval '1 second'
            FROM generate_series(0, 20) AS n"""
        )

    await delete_stale_files(Runtime(settings, service.database))

    assert await stale(service) == ["00.webp"], "it has to wait for its next turn"
    async with service.database.reading() as tx:
        assert await tx.value("SELECT since > now() - interval '1 minute' FROM stale_files")


async def _hours_pass(service: Harness) -> None:
    async with service.database.transaction() as tx:
        await tx.run("UPDATE stale_files SET since = since - interval '2 hours'")
