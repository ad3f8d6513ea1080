"""Marking messages as read: who may, what is said of it, and counts that stay exact while others write."""

import asyncio

import pytest

from tests.harness import Harness
from tests.services.messaging.conversation import messages, threads, unread, write
from tests.services.messaging.people import ANNA, BOB, EVE, introduce

READ = "messaging.message.read.v1"


@pytest.fixture(autouse=True)
async def acquaintances(service: Harness) -> None:
    await introduce(service, ANNA, BOB, EVE)


async def test_the_recipient_marks_a_message_as_read(service: Harness) -> None:
    message = await write(service, ANNA, BOB)

    answer = await service.person(BOB).patch(f"/api/messages/{message['id']}/read")

    assert (answer.status_code, answer.json()) == (200, message | {"is_read": True})
    assert await unread(service, BOB) == 0


async def test_marking_twice_counts_and_is_told_once(service: Harness) -> None:
    first = await write(service, ANNA, BOB)
    await write(service, ANNA, BOB)
    bob = service.person(BOB)

    answers = await asyncio.gather(*(bob.patch(f"/api/messages/{first['id']}/read") for _ in range(5)))

    assert {a.status_code for a in answers} == {200}
    assert await unread(service, BOB) == 1
    (event,) = await service.outbox(READ)
    assert (event["data"]["reader_id"], event["data"]["other_user_id"]) == (BOB, ANNA)
    assert event["data"]["message_ids"] == [first["id"]]


async def test_the_sender_may_not_mark_for_the_recipient(service: Harness) -> None:
    message = await write(service, ANNA, BOB)

    answer = await service.person(ANNA).patch(f"/api/messages/{message['id']}/read")

    assert (answer.status_code, answer.json()["code"]) == (403, "not_yours_to_read")
    assert await unread(service, BOB) == 1


async def test_read_all_marks_what_one_person_wrote_and_nothing_else(service: Harness) -> None:
    ids = [(await write(service, ANNA, BOB))["id"] for _ in range(3)]
    await write(service, EVE, BOB)
    await write(service, BOB, ANNA)

    answer = await service.person(BOB).patch(f"/api/messages/threads/{ANNA}/read-all")

    assert (answer.status_code, answer.json()["marked"]) == (200, 3)
    assert answer.json()["message"]
    assert [(t["other_user_id"], t["unread_count"]) for t in await threads(service, BOB)] == [(ANNA, 0), (EVE, 1)]
    assert await unread(service, ANNA) == 1
    assert [m["is_read"] for m in await messages(service, ANNA, BOB)] == [True, True, True, False]
    (event,) = await service.outbox(READ)
    assert event["data"]["message_ids"] == ids


async def test_when_nothing_is_unread_that_is_said_up_to_the_last_message_even_if_deleted(service: Harness) -> None:
    first, second, third = [await write(service, ANNA, BOB) for _ in range(3)]
    await service.person(ANNA).delete(f"/api/messages/{third['id']}")
    bob = service.person(BOB)
    await bob.patch(f"/api/messages/{first['id']}/read")
    await bob.patch(f"/api/messages/{second['id']}/read")
    last = await write(service, ANNA, BOB)
    gone = await write(service, ANNA, BOB)
    await service.person(ANNA).delete(f"/api/messages/{gone['id']}")
    await bob.patch(f"/api/messages/threads/{ANNA}/read-all")

    said = [(e["data"]["message_ids"], e["data"]["read_up_to"]) for e in await service.outbox(READ)]
    assert said == [([first["id"]], None), ([second["id"]], third["id"]), ([last["id"]], gone["id"])]


async def test_read_all_of_nothing_is_no_event(service: Harness) -> None:
    answer = await service.person(BOB).patch(f"/api/messages/threads/{ANNA}/read-all")

    assert (answer.status_code, answer.json()["marked"]) == (200, 0)
    assert await service.outbox(READ) == []


async def test_read_all_of_many_messages_is_told_in_parts(service: Harness) -> None:
    await write(service, ANNA, BOB)
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO messages (sender_id, recipient_id, position, text, created_at)
               SELECT %(anna)s, %(bob)s, n, 'x', now() FROM generate_series(2, 2500) AS n""",
            anna=ANNA,
            bob=BOB,
        )
        await tx.run("UPDATE threads SET message_count = 2500, unread_count = 2500 WHERE owner_id = %(bob)s", bob=BOB)

    answer = await service.person(BOB).patch(f"/api/messages/threads/{ANNA}/read-all")

    assert answer.json()["marked"] == 2500
    events = await service.outbox(READ)
    assert [len(e["data"]["message_ids"]) for e in events] == [1000, 1000, 500]
    assert len({i for e in events for i in e["data"]["message_ids"]}) == 2500


async def test_reading_all_while_the_other_writes_and_deletes_leaves_an_exact_count(service: Harness) -> None:
    anna, bob = service.person(ANNA), service.person(BOB)

    async def chatter() -> None:
        for n in range(15):
            message = await write(service, ANNA, BOB, str(n))
            if n % 3 == 0:
                assert (await anna.delete(f"/api/messages/{message['id']}")).status_code == 204

    async def attention() -> None:
        for _ in range(15):
            assert (await bob.patch(f"/api/messages/threads/{ANNA}/read-all")).status_code == 200
            for message in (await messages(service, BOB, ANNA))[-2:]:
                answer = await bob.patch(f"/api/messages/{message['id']}/read")
                assert answer.status_code == (404 if answer.json().get("code") else 200)

    await asyncio.gather(chatter(), chatter(), attention(), attention())

    shown = await messages(service, BOB, ANNA)
    expected = sum(not m["is_read"] and not m["is_deleted"] for m in shown)
    assert len(shown) == 30
    assert await unread(service, BOB) == expected
    marked = [i for e in await service.outbox(READ) for i in e["data"]["message_ids"]]
    assert len(marked) == len(set(marked))
