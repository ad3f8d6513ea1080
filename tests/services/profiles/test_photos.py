"""Photos of tutors."""

import io

import pytest
from PIL import Image

from services.profiles.jobs import delete_photos
from shared.storage import Storage
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.profiles.people import Person, approved, registers

PHOTO = "/api/tutors/me/photo"


def picture(kind: str = "PNG", size: tuple[int, int] = (800, 400)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind)
    return out.getvalue()


async def upload(tutor: Person, content: bytes, status: int = 200, name: str = "me.png", kind: str = "image/png") -> str:
    answer = await tutor.call("PATCH", PHOTO, status, files={"file": (name, content, kind)})
    return str(answer.get("photo_url", ""))


def path_of(url: str) -> str:
    return url.removeprefix("http://localhost:8000")


async def test_a_photo_is_shown_to_everybody_instead_of_the_avatar(service: Harness) -> None:
    tutor = await approved(service)

    url = await upload(tutor, picture())

    assert (await service.client().get(f"/api/tutors/{tutor.tutor_id}/public")).json()["avatar_url"] == url
    shown = await service.client().get(path_of(url))
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    assert "immutable" in shown.headers["cache-control"]
    assert Image.open(io.BytesIO(shown.content)).size == (512, 256)
    again = await service.client().get(path_of(url), headers={"If-None-Match": shown.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_another_photo_has_another_address_and_the_old_file_goes(service: Harness) -> None:
    tutor = await approved(service)
    first = await upload(tutor, picture())

    second = await upload(tutor, picture("JPEG"), name="me.jpg", kind="image/jpeg")

    assert first != second
    async with service.database.transaction() as tx:
        await tx.run("UPDATE stale_photos SET since = now() - interval '2 hours'")
    await delete_photos(Runtime(service.app.state.settings, service.database))
    assert (await service.client().get(path_of(first))).status_code == 404
    assert (await service.client().get(path_of(second))).status_code == 200


async def test_a_file_that_cannot_be_deleted_waits_and_keeps_no_other_from_it(
    service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with service.database.transaction() as tx:
        for age in (4, 3, 2):
            await tx.run(f"INSERT INTO stale_photos VALUES ('{age}.webp', now() - interval '{age} hours')")

    async def delete(_storage: Storage, name: str) -> None:
        if name == "4.webp":
            raise OSError(name)

    monkeypatch.setattr(Storage, "delete", delete)
    await delete_photos(Runtime(service.app.state.settings, service.database))

    async with service.database.reading() as tx:
        left = await tx.rows("SELECT name, since > now() - interval '1 minute' AS is_put_off FROM stale_photos")
    assert left == [{"name": "4.webp", "is_put_off": True}]


async def test_without_a_photo_the_avatar_is_shown_again(service: Harness) -> None:
    tutor = await approved(service)
    await upload(tutor, picture())

    profile = await tutor.call("DELETE", PHOTO)

    assert profile["photo_url"] is None
    assert profile["avatar_url"].endswith(f"/api/avatars/{tutor.user_id}.webp")


@pytest.mark.parametrize(
    ("content", "name", "kind", "status"),
    [
        (b"not a picture", "me.png", "image/png", 400),
        (picture("PNG"), "me.jpg", "image/jpeg", 400),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "me.svg", "image/svg+xml", 415),
        (b"x" * (5 * 1024 * 1024 + 1), "me.png", "image/png", 413),
        (picture("PNG", (6000, 6000)), "me.png", "image/png", 400),
    ],
)
async def test_what_is_no_fair_picture_is_refused(service: Harness, content: bytes, name: str, kind: str, status: int) -> None:
    tutor = await registers(service, "tutor")

    await upload(tutor, content, status, name, kind)

    assert (await tutor.profile())["photo_url"] is None


async def test_a_form_without_a_file_is_refused(service: Harness) -> None:
    tutor = await registers(service, "tutor")

    await tutor.call("PATCH", PHOTO, 422, files={"other": ("a.png", picture(), "image/png")})


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "x.webp", "0" * 32 + ".webp"])
async def test_photos_that_do_not_exist_are_not_found(service: Harness, name: str) -> None:
    assert (await service.client().get(f"/api/tutors/photos/{name}")).status_code == 404
