"""The WebSocket of the API reference, through the gateway: how one gets in, and every kind of message that is received."""

import json
from typing import Any

import pytest
import websockets

from tests.contracts.shapes import problems
from tests.e2e.people import Person, Socket, approved_tutor, registers

Pair = tuple[Person, Person, int]


@pytest.fixture(scope="module")
async def pair(gateway: str, administrator: Person) -> Pair:
    """A student, a tutor, and the tutor's profile."""
    return await registers(gateway), *await approved_tutor(gateway, administrator)


async def test_a_message_is_told_to_its_recipient_and_to_the_senders_other_devices(pair: Pair) -> None:
    student, tutor, _ = pair
    async with student.online() as at_student, tutor.online() as at_tutor:
        sent = await tutor.call("POST", "/api/messages", 201, json={"recipient_id": student.id, "message": "Hello!"})

        heard = await at_student.hears("new_message", message_id=sent["id"])
        echoed = await at_tutor.hears("message_sent", message_id=sent["id"])

    shape = {"message_id": sent["id"], "sender_id": tutor.id, "sender_email": tutor.email, "message": "Hello!",
             "created_at": sent["created_at"]}  # fmt: skip
    assert problems({"type": "new_message"} | shape, heard) == []
    assert problems({"type": "message_sent"} | shape, echoed) == []


async def test_a_booking_and_a_notification_are_told_as_they_happen(pair: Pair) -> None:
    student, tutor, tutor_id = pair
    slot = (await student.sees_slots(tutor_id))[0]
    async with student.online() as at_student:
        booking = await student.books(tutor_id, slot["start_time"])
        await tutor.call("POST", f"/api/tutor/bookings/{booking['id']}/confirm")

        update = await at_student.hears("booking_update", status="CONFIRMED")
        notification = await at_student.hears("notification", notification_type="booking_confirmed")

    assert problems({"type": "booking_update", "booking_id": booking["id"], "status": "CONFIRMED"}, update) == []
    shape = {"type": "notification", "title": "Booking Confirmed", "message": "<text>", "data": {"booking_id": booking["id"]}}
    assert problems(shape, notification) == []


async def test_the_token_may_come_as_the_first_message(gateway: str, pair: Pair) -> None:
    student, _, _ = pair
    async with websockets.connect(_address(gateway, student.id), proxy=None) as connection:
        await connection.send(json.dumps({"type": "auth", "token": student.token}))

        await Socket(connection).ping()


@pytest.mark.parametrize(("whose", "code"), [("wrong", 4401), ("foreign", 4403)])
async def test_a_bad_token_closes_the_socket_with_its_code(gateway: str, pair: Pair, whose: str, code: int) -> None:
    student, tutor, _ = pair
    token: Any = "nonsense" if whose == "wrong" else tutor.token
    async with websockets.connect(f"{_address(gateway, student.id)}?token={token}", proxy=None) as connection:
        assert await Socket(connection).closes() == code


def _address(gateway: str, user_id: int) -> str:
    return f"{gateway.replace('http', 'ws', 1)}/ws/{user_id}"
