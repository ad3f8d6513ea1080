"""Writing to somebody: what arrives, what is said of it, and who is refused."""

import asyncio
from collections import Counter

import pytest

from tests.harness import Harness
from tests.services.messaging.people import ANNA, BOB, EVE, booked, changed, introduce

HELLO = {"recipient_id": BOB, "message": "Hi! I'd like to book a session."}


@pytest.fixture(autouse=True)
async def acquaintances(service: Harness) -> None:
    await introduce(service, ANNA, BOB, EVE)


async def test_a_message_is_answered_as_the_reference_shows_it(service: Harness) -> None:
    answer = await service.person(ANNA).post("/api/messages", json=HELLO)

    assert answer.status_code == 201
    body = answer.json()
    assert body["id"] > 0
    assert body["created_at"].endswith("Z")
    assert body | {"id": 1, "created_at": ""} == {
        "id": 1,
        "sender_id": ANNA,
        "recipient_id": BOB,
        "message": HELLO["message"],
        "booking_id": None,
        "attachment": None,
        "is_read": False,
        "is_deleted": False,
        "created_at": "",
        "edited_at": None,
    }


async def test_a_message_is_told_without_its_text_in_public_and_with_it_in_private(service: Harness) -> None:
    message = (await service.person(ANNA).post("/api/messages", json=HELLO)).json()

    sent, delivered = await service.outbox()

    assert sent["type"] == "messaging.message.sent.v1"
    assert "book a session" not in str(sent)
    assert delivered["type"] == "messaging.message.delivered.v1"
    assert delivered["data"]["message"] == HELLO["message"]
    assert delivered["data"]["message_id"] == message["id"]
    assert delivered["data"]["sender_name"] == "Anna Student"
    assert delivered["data"]["sender_email"] == f"anna.{ANNA}@example.com"


async def test_messages_are_said_with_their_place_in_the_conversation(service: Harness) -> None:
    for sender, recipient in ((ANNA, BOB), (BOB, ANNA), (ANNA, BOB), (ANNA, EVE)):
        await service.person(sender).post("/api/messages", json={"recipient_id": recipient, "message": "Hi"})

    said = await service.outbox("messaging.message.delivered.v1")
    assert [event["data"]["position"] for event in said] == [1, 2, 3, 1]


async def test_private_events_stay_out_of_the_public_exchange(service: Harness) -> None:
    await service.person(ANNA).post("/api/messages", json=HELLO)

    async with service.database.reading() as tx:
        rows = await tx.rows("SELECT exchange, routing_key FROM outbox ORDER BY position")

    assert [(r["exchange"], r["routing_key"]) for r in rows] == [
        ("edustream.events", "messaging.message.sent.v1"),
        ("edustream.private", "messaging.message.delivered.v1"),
    ]


async def test_nobody_writes_to_themselves(service: Harness) -> None:
    answer = await service.person(ANNA).post("/api/messages", json=HELLO | {"recipient_id": ANNA})

    assert (answer.status_code, answer.json()["code"]) == (400, "message_to_oneself")


async def test_an_unknown_recipient_is_not_found(service: Harness) -> None:
    answer = await service.person(ANNA).post("/api/messages", json=HELLO | {"recipient_id": 999_999})

    assert (answer.status_code, answer.json()["code"]) == (404, "recipient_not_found")


async def test_a_deactivated_recipient_is_not_found(service: Harness) -> None:
    await service.deliver(changed(BOB, 2, is_active=False))

    answer = await service.person(ANNA).post("/api/messages", json=HELLO)

    assert (answer.status_code, answer.json()["code"]) == (404, "recipient_not_found")


async def test_older_news_of_an_account_does_not_undo_newer(service: Harness) -> None:
    await service.deliver(changed(BOB, 5), changed(BOB, 4, is_active=False))

    answer = await service.person(ANNA).post("/api/messages", json=HELLO)

    assert answer.status_code == 201


@pytest.mark.parametrize("text", ["", "   ", "\n\t ", "x" * 5001, "nul\x00", "bell\x07", None, 5])
async def test_a_text_that_is_no_message_is_refused(service: Harness, text: object) -> None:
    answer = await service.person(ANNA).post("/api/messages", json=HELLO | {"message": text})

    assert answer.status_code == 422


@pytest.mark.parametrize("recipient_id", [0, -1, 2**63, "abc", None, 1.5])
async def test_an_impossible_recipient_is_refused(service: Harness, recipient_id: object) -> None:
    answer = await service.person(ANNA).post("/api/messages", json=HELLO | {"recipient_id": recipient_id})

    assert answer.status_code == 422


async def test_any_script_and_line_breaks_survive(service: Harness) -> None:
    text = "Привіт 👋🏽\n\tдо завтра — <b>&amp; %_\\"

    answer = await service.person(ANNA).post("/api/messages", json=HELLO | {"message": f"  {text} "})

    assert answer.json()["message"] == text


async def test_a_booking_of_the_two_may_be_named_by_either(service: Harness) -> None:
    await service.deliver(booked(7))

    answers = [
        await service.person(ANNA).post("/api/messages", json=HELLO | {"booking_id": 7}),
        await service.person(BOB).post("/api/messages", json=HELLO | {"recipient_id": ANNA, "booking_id": 7}),
    ]

    assert [(a.status_code, a.json()["booking_id"]) for a in answers] == [(201, 7), (201, 7)]


@pytest.mark.parametrize("booking_id", [7, 8])
async def test_a_booking_of_others_or_of_nobody_may_not_be_named(service: Harness, booking_id: int) -> None:
    await service.deliver(booked(7, student_id=EVE))

    answer = await service.person(ANNA).post("/api/messages", json=HELLO | {"booking_id": booking_id})

    assert (answer.status_code, answer.json()["code"]) == (404, "booking_not_found")


async def test_the_same_key_and_body_sends_one_message(service: Harness) -> None:
    client = service.person(ANNA, **{"Idempotency-Key": "k-1"})

    answers = await asyncio.gather(*(client.post("/api/messages", json=HELLO) for _ in range(8)))

    assert Counter(a.status_code for a in answers) == {201: 8}
    assert len({a.json()["id"] for a in answers}) == 1
    assert len(await service.outbox("messaging.message.sent.v1")) == 1


async def test_the_same_key_with_another_body_is_refused(service: Harness) -> None:
    client = service.person(ANNA, **{"Idempotency-Key": "k-1"})
    await client.post("/api/messages", json=HELLO)

    answer = await client.post("/api/messages", json=HELLO | {"message": "something else"})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_racing_first_messages_in_both_directions_all_arrive_in_one_conversation(service: Harness) -> None:
    anna, bob = service.person(ANNA), service.person(BOB)
    to_bob, to_anna = HELLO, HELLO | {"recipient_id": ANNA}

    answers = await asyncio.gather(
        *(c.post("/api/messages", json=body) for _ in range(20) for c, body in ((anna, to_bob), (bob, to_anna)))
    )

    assert Counter(a.status_code for a in answers) == {201: 40}
    conversation = (await anna.get(f"/api/messages/threads/{BOB}")).json()
    assert conversation["total"] == len(conversation["messages"]) == 40
    assert {m["id"] for m in conversation["messages"]} == {a.json()["id"] for a in answers}
    assert (await anna.get("/api/messages/unread/count")).json() == {"unread_count": 20}
    assert (await bob.get("/api/messages/unread/count")).json() == {"unread_count": 20}
