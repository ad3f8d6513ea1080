"""Replicas that lag: the owner is asked before anybody is refused, and an owner that is down is not waited for."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from shared.events.auth import UserSnapshot
from shared.events.bookings import BookingSnapshot
from tests.harness import Harness
from tests.services.messaging.conversation import write
from tests.services.messaging.owners import Owners
from tests.services.messaging.people import ANNA, BOB, EVE, booked, changed, introduce, purged, registered

HELLO = {"recipient_id": BOB, "message": "Hi"}


def snapshot(user_id: int, version: int = 1, *, is_active: bool = True) -> UserSnapshot:
    return UserSnapshot(**registered(user_id, version, is_active=is_active).model_dump())


def booking_snapshot(booking_id: int, student_id: int, tutor_user_id: int) -> BookingSnapshot:
    return BookingSnapshot(**booked(booking_id, student_id, tutor_user_id).model_dump())


async def test_people_just_registered_can_write_to_each_other(service: Harness, owners: Owners) -> None:
    owners.knows(snapshot(ANNA), snapshot(BOB))

    await write(service, ANNA, BOB)
    await write(service, BOB, ANNA)

    assert sorted(owners.asked) == [f"users/{ANNA}", f"users/{BOB}"], "each is asked for once"


async def test_a_recipient_just_restored_can_be_written_to(service: Harness, owners: Owners) -> None:
    await introduce(service, ANNA)
    await service.deliver(changed(BOB, 2, is_active=False))
    owners.knows(snapshot(BOB, 3))

    await write(service, ANNA, BOB)


async def test_a_recipient_whom_the_owner_calls_inactive_is_not_found(service: Harness, owners: Owners) -> None:
    await introduce(service, ANNA)
    owners.knows(snapshot(BOB, is_active=False))

    assert (await service.person(ANNA).post("/api/messages", json=HELLO)).status_code == 404


async def test_a_booking_just_made_can_be_named(service: Harness, owners: Owners) -> None:
    await introduce(service, ANNA, BOB)
    owners.knows(booking_snapshot(7, ANNA, BOB), booking_snapshot(8, EVE, BOB))

    answers = [await service.person(ANNA).post("/api/messages", json=HELLO | {"booking_id": b}) for b in (7, 7, 8)]

    assert [a.status_code for a in answers] == [201, 201, 404]
    assert owners.asked == ["bookings/7", "bookings/8"]


async def test_an_owner_that_is_down_is_not_waited_for(service: Harness, owners: Owners) -> None:
    await introduce(service, ANNA, BOB)
    await service.deliver(booked(7))
    owners.is_down = True

    assert (await service.person(ANNA).post("/api/messages", json=HELLO | {"booking_id": 7})).status_code == 201
    assert (await service.person(ANNA).post("/api/messages", json=HELLO | {"recipient_id": EVE})).status_code == 404


async def test_a_sender_nobody_can_vouch_for_comes_back_later(service: Harness, owners: Owners) -> None:
    await introduce(service, BOB)

    answer = await service.person(ANNA).post("/api/messages", json=HELLO)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_purged_account_leaves_no_remembered_answers(service: Harness, owners: Owners) -> None:
    await introduce(service, ANNA, BOB)
    for who, to in ((ANNA, BOB), (BOB, ANNA)):
        client = service.person(who, **{"Idempotency-Key": "k-1"})
        assert (await client.post("/api/messages", json={"recipient_id": to, "message": "Hi"})).status_code == 201
    await service.deliver(purged(ANNA, 9))

    async with service.database.reading() as tx:
        assert [row["user_id"] for row in await tx.rows("SELECT user_id FROM idempotency_keys")] == [BOB]


async def test_a_purge_wins_over_late_news(service: Harness, owners: Owners) -> None:
    await introduce(service, ANNA)
    await service.deliver(purged(BOB, 9), changed(BOB, 8))

    async with service.database.reading() as tx:
        rows = await tx.rows("SELECT name, email, is_active FROM people WHERE id = %(id)s", id=BOB)
    assert rows == [{"name": "Deleted user", "email": "", "is_active": False}]


@pytest.mark.parametrize("minutes", [0, 60])
async def test_every_move_of_a_booking_is_followed(service: Harness, minutes: int) -> None:
    event = booked(7)
    later = BookingSnapshot(
        **event.model_dump()
        | {"version": 2, "price": Decimal("60.00"), "start_at": datetime.now(UTC) + timedelta(minutes=minutes)}
    )

    await service.deliver(later, event)

    async with service.database.reading() as tx:
        assert await tx.rows("SELECT id, version, student_id, tutor_user_id FROM bookings") == [
            {"id": 7, "version": 2, "student_id": ANNA, "tutor_user_id": BOB}
        ]


async def test_replicas_can_be_compared_with_their_owners_and_healed(service: Harness) -> None:
    await introduce(service, ANNA, BOB)
    await write(service, ANNA, BOB)
    internal = service.internal()

    rows = (await internal.post("/internal/integrity/replicas/user/rows", json={"fields": ["is_active"], "ids": [ANNA]})).json()
    distrusted = await internal.post("/internal/integrity/replicas/user/distrust", json={"outdated": [BOB], "unknown": [ANNA]})
    await service.deliver(registered(BOB, 1, last_name="Healed"))

    assert [(r["id"], r["version"]) for r in rows] == [(ANNA, 1)]
    assert distrusted.status_code == 204
    (thread,) = (await service.person(ANNA).get("/api/messages/threads")).json()
    assert thread["other_user_name"] == "Bob Healed"
    assert (await service.person(ANNA).get("/internal/integrity")).status_code == 404
