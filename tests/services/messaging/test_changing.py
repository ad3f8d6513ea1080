"""Editing and deleting."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from services.messaging.rules import EDITABLE_FOR, TooLateToEdit, refuse_late_edit
from tests.harness import Harness
from tests.services.messaging.conversation import messages, threads, unread, write
from tests.services.messaging.people import ANNA, BOB, EVE, introduce

EDITED = "messaging.message.edited.v1"
TABLES = """
SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname <> 'outbox'
"""


@pytest.fixture(autouse=True)
async def acquaintances(service: Harness) -> None:
    await introduce(service, ANNA, BOB, EVE)


async def make_older(service: Harness, message_id: int, age: timedelta) -> None:
    async with service.database.transaction() as tx:
        await tx.run("UPDATE messages SET created_at = created_at - %(age)s::interval WHERE id = %(id)s", age=age, id=message_id)


async def test_the_sender_edits_and_both_see_the_new_text(service: Harness) -> None:
    message = await write(service, ANNA, BOB, "Helo")

    answer = await service.person(ANNA).patch(f"/api/messages/{message['id']}", json={"message": "Hello"})

    assert answer.status_code == 200
    assert answer.json()["message"] == "Hello"
    assert answer.json()["edited_at"].endswith("Z")
    assert await messages(service, BOB, ANNA) == [answer.json()]
    assert [t["last_message"] for t in await threads(service, BOB)] == ["Hello"]
    (event,) = await service.outbox(EDITED)
    assert (event["data"]["message_id"], event["data"]["message"]) == (message["id"], "Hello")


async def test_editing_a_read_message_leaves_it_read(service: Harness) -> None:
    message = await write(service, ANNA, BOB)
    await service.person(BOB).patch(f"/api/messages/{message['id']}/read")

    answer = await service.person(ANNA).patch(f"/api/messages/{message['id']}", json={"message": "New"})

    assert answer.json()["is_read"] is True


async def test_after_fifteen_minutes_a_message_stays_as_it_is(service: Harness) -> None:
    message = await write(service, ANNA, BOB, "Old")
    await make_older(service, message["id"], timedelta(minutes=15, seconds=1))

    answer = await service.person(ANNA).patch(f"/api/messages/{message['id']}", json={"message": "New"})

    assert (answer.status_code, answer.json()["code"]) == (400, "too_late_to_edit")
    assert [m["message"] for m in await messages(service, BOB, ANNA)] == ["Old"]


def test_the_last_moment_of_fifteen_minutes_still_counts() -> None:
    sent_at = datetime.fromisoformat("2025-01-24T10:30:00Z")

    refuse_late_edit(sent_at, sent_at + EDITABLE_FOR)
    with pytest.raises(TooLateToEdit):
        refuse_late_edit(sent_at, sent_at + EDITABLE_FOR + timedelta(microseconds=1))


async def test_a_deleted_message_leaves_a_tombstone_for_both(service: Harness) -> None:
    await write(service, ANNA, BOB, "First")
    message = await write(service, ANNA, BOB, "Regretted")
    await write(service, ANNA, BOB, "Last")

    answer = await service.person(ANNA).delete(f"/api/messages/{message['id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    for reader, other in ((ANNA, BOB), (BOB, ANNA)):
        shown = await messages(service, reader, other)
        assert [(m["message"], m["is_deleted"]) for m in shown] == [("First", False), ("", True), ("Last", False)]
        assert shown[1]["id"] == message["id"]


@pytest.mark.parametrize("how", ["deleted", "edited"])
async def test_a_text_that_was_taken_back_is_in_no_table(service: Harness, how: str) -> None:
    """The outbox apart: what was said is gone from there when it was heard."""
    anna = service.person(ANNA, **{"Idempotency-Key": "k-1"})
    request = {"recipient_id": BOB, "message": "Regretted"}
    path = f"/api/messages/{(await anna.post('/api/messages', json=request)).json()['id']}"

    if how == "deleted":
        await anna.delete(path)
    else:
        await anna.patch(path, json={"message": "Better"})

    async with service.database.reading() as tx:
        for row in await tx.rows(TABLES):
            table = row["name"]
            assert await tx.value(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, 'Regretted') > 0") == 0, table
    again = await anna.post("/api/messages", json=request)
    assert (again.status_code, again.json()) == (201, (await messages(service, BOB, ANNA))[0])


async def test_the_time_of_an_edit_never_goes_back(service: Harness) -> None:
    message = await write(service, ANNA, BOB, "Helo")
    async with service.database.transaction() as tx:
        await tx.run("UPDATE messages SET edited_at = now() + interval '1 minute'")  # by a process whose clock is ahead

    await service.person(ANNA).patch(f"/api/messages/{message['id']}", json={"message": "Hello"})

    (event,) = await service.outbox(EDITED)
    assert datetime.fromisoformat(event["data"]["edited_at"]) > datetime.now(UTC) + timedelta(seconds=30)


async def test_a_deleted_newest_message_keeps_the_threads_place(service: Harness) -> None:
    message = await write(service, ANNA, BOB, "Regretted")
    await service.person(ANNA).delete(f"/api/messages/{message['id']}")

    (thread,) = await threads(service, BOB)

    assert (thread["last_message"], thread["last_message_is_deleted"]) == ("", True)
    assert thread["last_message_at"] == message["created_at"]


async def test_deleting_an_unread_message_takes_it_off_the_count(service: Harness) -> None:
    message = await write(service, ANNA, BOB)
    await write(service, ANNA, BOB)

    await service.person(ANNA).delete(f"/api/messages/{message['id']}")

    assert await unread(service, BOB) == 1


async def test_deleting_a_read_message_leaves_the_count(service: Harness) -> None:
    message = await write(service, ANNA, BOB)
    await service.person(BOB).patch(f"/api/messages/{message['id']}/read")
    await write(service, ANNA, BOB)

    await service.person(ANNA).delete(f"/api/messages/{message['id']}")

    assert await unread(service, BOB) == 1


async def test_a_deletion_is_told_without_a_text_and_audited(service: Harness) -> None:
    message = await write(service, ANNA, BOB, "Regretted")
    await service.person(ANNA).delete(f"/api/messages/{message['id']}")

    (event,) = await service.outbox(EDITED)
    (audited,) = await service.outbox("messaging.audit.recorded.v1")

    assert (event["data"]["message_id"], event["data"]["message"]) == (message["id"], None)
    assert (audited["data"]["action"], audited["data"]["actor_id"]) == ("message_deleted", ANNA)
    assert "Regretted" not in str(audited)


async def test_the_deletion_of_the_last_unread_message_says_up_to_where_nothing_is_unread(service: Harness) -> None:
    first, second = await write(service, ANNA, BOB), await write(service, ANNA, BOB)
    third = await write(service, ANNA, BOB)
    await service.person(BOB).patch(f"/api/messages/{third['id']}/read")
    for message in (second, third, first):
        await service.person(ANNA).delete(f"/api/messages/{message['id']}")

    assert [e["data"]["read_up_to"] for e in await service.outbox(EDITED)] == [None, None, third["id"]]


async def test_racing_deletions_take_the_message_once(service: Harness) -> None:
    message = await write(service, ANNA, BOB)
    await write(service, ANNA, BOB)
    anna = service.person(ANNA)

    answers = await asyncio.gather(*(anna.delete(f"/api/messages/{message['id']}") for _ in range(6)))

    assert Counter(a.status_code for a in answers) == {204: 1, 404: 5}
    assert await unread(service, BOB) == 1


async def test_nothing_can_be_done_with_a_deleted_message(service: Harness) -> None:
    message = await write(service, ANNA, BOB)
    anna, path = service.person(ANNA), f"/api/messages/{message['id']}"
    await anna.delete(path)

    answers = [
        await anna.delete(path),
        await anna.patch(path, json={"message": "Back"}),
        await service.person(BOB).patch(f"{path}/read"),
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(404, "message_not_found")] * 3


@pytest.mark.parametrize(("who", "status"), [(BOB, 403), (EVE, 404)])
async def test_only_the_sender_changes_a_message(service: Harness, who: int, status: int) -> None:
    message = await write(service, ANNA, BOB, "Mine")
    client, path = service.person(who, role="admin" if who == EVE else "tutor"), f"/api/messages/{message['id']}"

    answers = [await client.delete(path), await client.patch(path, json={"message": "Theirs"})]

    assert [a.status_code for a in answers] == [status, status]
    assert [m["message"] for m in await messages(service, ANNA, BOB)] == ["Mine"]


async def test_what_does_not_exist_is_not_found(service: Harness) -> None:
    anna = service.person(ANNA)
    answers = [
        await anna.delete("/api/messages/999999999"),
        await anna.patch("/api/messages/999999999", json={"message": "x"}),
        await anna.patch("/api/messages/999999999/read"),
        await anna.get("/api/messages/attachments/999999999/download"),
    ]

    assert [a.status_code for a in answers] == [404] * 4


@pytest.mark.parametrize("message_id", ["0", "-1", "abc", str(2**63)])
async def test_an_impossible_id_is_refused(service: Harness, message_id: str) -> None:
    anna = service.person(ANNA)
    answers = [await anna.delete(f"/api/messages/{message_id}"), await anna.patch(f"/api/messages/{message_id}/read")]

    assert [a.status_code for a in answers] == [422, 422]
