"""Sending files, and who can download them until when."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.messaging import queries
from services.messaging.attachments import MAX_SIZE, PART, remove_doomed
from shared.storage import Storage
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.messaging.conversation import messages, threads
from tests.services.messaging.files import HONEST, HOSTILE, PDF
from tests.services.messaging.people import ANNA, BOB, EVE, booked, introduce

PATH = "/api/messages/with-attachment"


@pytest.fixture(autouse=True)
async def acquaintances(service: Harness) -> None:
    await introduce(service, ANNA, BOB, EVE)


async def upload(service: Harness, name: str = "sheet.pdf", content: bytes = PDF, **form: Any) -> httpx.Response:
    headers = form.pop("headers", {})
    fields = {"recipient_id": BOB, "message": "Look at this"} | form
    return await service.person(ANNA, **headers).post(PATH, data=fields, files={"file": (name, content, "image/png")})


async def stored(service: Harness) -> list[str]:
    """Names of the objects in the store."""
    root = service.app.state.settings.object_store_url.removeprefix("file://")
    folder = Path(root) / "attachments"
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


async def sweep(service: Harness) -> None:
    await remove_doomed(Runtime(service.app.state.settings, service.database))


async def age_doomed(service: Harness) -> None:
    async with service.database.transaction() as tx:
        await tx.run("UPDATE doomed_files SET due_at = due_at - interval '2 hours'")


async def test_few_files_are_taken_in_at_once_and_fewer_of_one_person(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is held whole: whoever sends many, slowly, could have the process killed for its memory."""
    monkeypatch.setattr("shared.uploads.MOST", 4)
    monkeypatch.setattr("shared.uploads.MOST_EACH", 3)
    go_on, begun = asyncio.Event(), asyncio.Semaphore(0)
    form = httpx.Request("POST", "http://x", data={"recipient_id": BOB}, files={"file": ("sheet.pdf", PDF, "image/png")})

    async def slowly() -> AsyncIterator[bytes]:
        yield form.read()[:100]
        begun.release()
        await go_on.wait()
        yield form.read()[100:]

    async def send(user_id: int) -> httpx.Response:
        client = service.person(user_id, **{"Content-Type": form.headers["content-type"]})
        return await client.post(PATH, content=slowly())

    sending = [asyncio.create_task(send(user_id)) for user_id in (ANNA, ANNA, ANNA, EVE)]
    for _ in sending:
        await begun.acquire()
    beyond = [await upload(service), await service.person(BOB).post(PATH, files={"file": ("sheet.pdf", PDF, "image/png")})]
    go_on.set()

    assert [(a.status_code, a.headers["retry-after"]) for a in beyond] == [(503, "5"), (503, "5")]
    assert [(await done).status_code for done in sending] == [201] * 4
    assert (await upload(service)).status_code == 201, "a place is given back"


async def test_nothing_is_read_of_a_file_from_somebody_who_is_not_signed_in(service: Harness) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("it was asked for")
        yield b""

    answer = await service.client(**{"Content-Type": "multipart/form-data; boundary=x"}).post(PATH, content=body())

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_a_file_is_sent_and_downloaded_by_both(service: Harness) -> None:
    await service.deliver(booked(7))
    answer = await upload(service, booking_id=7)

    assert answer.status_code == 201, answer.text
    sent = answer.json()
    file = sent["attachment"]
    assert file | {"id": 0, "url": ""} == {
        "id": 0,
        "name": "sheet.pdf",
        "content_type": "application/pdf",
        "size": len(PDF),
        "url": "",
    }
    assert (sent["message"], sent["booking_id"]) == ("Look at this", 7)
    assert await messages(service, BOB, ANNA) == [sent]
    for who in (ANNA, BOB):
        download = await service.person(who).get(file["url"])
        assert (download.status_code, download.content) == (200, PDF)
        assert download.headers["content-type"] == "application/pdf"
        assert download.headers["x-content-type-options"] == "nosniff"
        assert download.headers["content-disposition"] == "attachment; filename=\"sheet.pdf\"; filename*=UTF-8''sheet.pdf"
        assert "no-store" in download.headers["cache-control"]


async def test_the_events_name_the_file(service: Harness) -> None:
    file = (await upload(service)).json()["attachment"]

    sent, delivered = await service.outbox()

    assert sent["data"]["has_attachment"] is True
    assert (delivered["data"]["attachment_id"], delivered["data"]["attachment_name"]) == (file["id"], "sheet.pdf")


async def test_a_file_needs_no_words_and_names_the_thread(service: Harness) -> None:
    answer = await upload(service, message="  ")

    assert (answer.status_code, answer.json()["message"]) == (201, "")
    assert [t["last_message"] for t in await threads(service, BOB)] == ["sheet.pdf"]


@pytest.mark.parametrize("name", HONEST)
async def test_every_kind_a_lesson_needs_can_be_sent(service: Harness, name: str) -> None:
    content, content_type = HONEST[name]

    answer = await upload(service, name, content)

    assert (answer.status_code, answer.json()["attachment"]["content_type"]) == (201, content_type)


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_files_are_refused_and_not_kept(service: Harness, case: str) -> None:
    before = await stored(service)

    answer = await upload(service, *HOSTILE[case])

    assert (answer.status_code, answer.json()["code"]) in [(415, "unsupported_file"), (415, "misleading_name")]
    assert await stored(service) == before


async def test_an_empty_file_is_refused(service: Harness) -> None:
    answer = await upload(service, content=b"")

    assert (answer.status_code, answer.json()["code"]) == (400, "empty_file")


async def test_a_name_in_any_script_comes_back(service: Harness) -> None:
    name = "домашня робота 1.pdf"
    file = (await upload(service, name)).json()["attachment"]

    disposition = (await service.person(BOB).get(file["url"])).headers["content-disposition"]

    assert file["name"] == name
    assert disposition.endswith(f"filename*=UTF-8''{quote(name, safe='')}")


async def test_ten_mebibytes_pass_and_one_byte_more_does_not(service: Harness) -> None:
    exact = PDF + b"\n" * (MAX_SIZE - len(PDF))

    answers = [await upload(service, content=exact), await upload(service, content=exact + b"\n")]

    assert [a.status_code for a in answers] == [201, 413]
    assert answers[1].json()["code"] == "file_too_large"


async def test_a_body_far_too_large_is_refused_while_it_arrives(service: Harness) -> None:
    """Not declared, so only counting helps; what is never read is never stored."""
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        yield head
        for _ in range(64):
            sent += 1
            yield b"x" * 1024 * 1024

    answer = await service.person(ANNA).post(PATH, content=endless(), headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


async def test_a_body_announced_as_far_too_large_is_refused_in_the_usual_shape(service: Harness) -> None:
    answer = await upload(service, content=PDF + b"\n" * (MAX_SIZE + 1024 * 1024))

    assert answer.status_code == 413
    assert set(answer.json()) == {"detail", "code"}


@pytest.mark.parametrize("missing", ["recipient_id", "file"])
async def test_a_form_without_what_it_needs_is_refused(service: Harness, missing: str) -> None:
    data = {} if missing == "recipient_id" else {"recipient_id": BOB}
    files = {} if missing == "file" else {"file": ("a.pdf", PDF)}

    answer = await service.person(ANNA).post(PATH, data=data, files=files or {"other": ("a.pdf", PDF)})

    assert answer.status_code == 422
    assert missing in answer.json()["detail"]


@pytest.mark.parametrize(("recipient_id", "status"), [(ANNA, 400), (999_999, 404), (0, 422)])
async def test_files_go_to_whom_messages_may_go(service: Harness, recipient_id: int, status: int) -> None:
    assert (await upload(service, recipient_id=recipient_id)).status_code == status


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 3 * PART, MAX_SIZE])
async def test_a_file_is_passed_on_in_parts(service: Harness, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Whoever fetches many files and reads them slowly must not have the process killed for its memory."""
    content = (b"%010d" * (size // 10 + 1) % tuple(range(size // 10 + 1)))[:size]
    sent = (await upload(service, "numbers.txt", content)).json()
    held: list[int] = []
    get_part = Storage.part

    async def part(storage: Storage, name: str, start: int, end: int) -> bytes:
        held.append(end - start)
        return await get_part(storage, name, start, end)

    monkeypatch.setattr(Storage, "part", part)
    download = await service.person(BOB).get(sent["attachment"]["url"])

    assert download.content == content
    assert download.headers["content-length"] == str(size)
    assert max(held) <= PART
    assert sum(held) == size


async def test_a_file_that_is_gone_from_the_store_is_404(service: Harness) -> None:
    before = await stored(service)
    sent = (await upload(service)).json()
    (name,) = set(await stored(service)) - set(before)
    await service.app.state.attachments.delete(name)

    assert (await service.person(BOB).get(sent["attachment"]["url"])).status_code == 404


async def test_strangers_and_the_anonymous_download_nothing(service: Harness) -> None:
    file = (await upload(service)).json()["attachment"]

    answers = [
        await service.person(EVE).get(file["url"]),
        await service.person(EVE, role="admin").get(file["url"]),
        await service.client().get(file["url"]),
    ]

    assert [a.status_code for a in answers] == [404, 404, 401]
    assert all(PDF not in a.content for a in answers)


async def test_deleting_the_message_removes_the_file(service: Harness) -> None:
    sent = (await upload(service)).json()
    names = await stored(service)
    await service.person(ANNA).delete(f"/api/messages/{sent['id']}")

    for who in (ANNA, BOB):
        assert (await service.person(who).get(sent["attachment"]["url"])).status_code == 404
    assert [m["attachment"] for m in await messages(service, BOB, ANNA)] == [None]
    await sweep(service)
    assert len(await stored(service)) == len(names) - 1


async def test_what_is_refused_or_was_sent_already_is_not_stored(service: Harness) -> None:
    await upload(service, headers={"Idempotency-Key": "f-1"})
    await service.person(BOB).post(f"/api/messages/blocks/{EVE}")
    before = await stored(service)

    answers = [
        await upload(service, headers={"Idempotency-Key": "f-1"}),
        await upload(service, headers={"Idempotency-Key": "f-1"}, message="Other words"),
        await upload(service, recipient_id=999_999),
        await upload(service, booking_id=999_999),
        await service.person(EVE).post(PATH, data={"recipient_id": BOB}, files={"file": ("a.pdf", PDF)}),
    ]

    assert [a.status_code for a in answers] == [201, 422, 404, 404, 403]
    assert await stored(service) == before


async def test_a_file_whose_message_failed_is_removed_later(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await stored(service)
    with monkeypatch.context() as busy:
        busy.setattr(queries, "SPARE_FILE", "DELETE FROM doomed_files WHERE object_name = %(object_name)s AND false")
        assert (await upload(service)).status_code == 503
    assert len(await stored(service)) == len(before) + 1

    await sweep(service)
    assert len(await stored(service)) == len(before) + 1, "an upload may still be on its way"
    await age_doomed(service)
    await sweep(service)

    assert await stored(service) == before


async def test_a_file_that_cannot_be_removed_keeps_no_other(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [(await upload(service)).json() for _ in range(2)]
    names = await stored(service)
    for message in sent:
        await service.person(ANNA).delete(f"/api/messages/{message['id']}")
    async with service.database.reading() as tx:
        stuck = (await tx.rows("SELECT object_name FROM doomed_files ORDER BY due_at LIMIT 1"))[0]["object_name"]
    delete = Storage.delete

    async def sometimes(storage: Storage, name: str) -> None:
        if name == stuck:
            raise OSError("the store says no")
        await delete(storage, name)

    with monkeypatch.context() as broken:
        broken.setattr(Storage, "delete", sometimes)
        await sweep(service)
    assert len(await stored(service)) == len(names) - 1

    await age_doomed(service)
    await sweep(service)
    assert len(await stored(service)) == len(names) - 2


async def test_a_file_that_was_sent_is_not_removed(service: Harness) -> None:
    sent = (await upload(service)).json()

    await age_doomed(service)
    await sweep(service)

    assert (await service.person(BOB).get(sent["attachment"]["url"])).status_code == 200


async def test_the_same_key_and_file_sends_one_message(service: Harness) -> None:
    answers = await asyncio.gather(*(upload(service, headers={"Idempotency-Key": "f-1"}) for _ in range(4)))

    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["id"] for a in answers}) == 1


async def test_the_same_key_with_another_file_is_refused(service: Harness) -> None:
    await upload(service, headers={"Idempotency-Key": "f-1"})

    answer = await upload(service, content=PDF + b"%", headers={"Idempotency-Key": "f-1"})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
