"""What becomes of the lessons, packages and words of people who are deactivated, deleted or purged."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import LiteralString

import httpx
import pytest

from services.bookings.actions import lessons, people
from shared.errors import Unavailable
from shared.events.auth import UserChanged, UserPurged, UserSnapshot
from tests.harness import Harness
from tests.services.bookings.people import (
    Tutor,
    a_student,
    a_tutor,
    account,
    clock,
    deactivated,
    deleted,
    in_days,
    purged,
    rows,
)
from tests.services.bookings.sales import offered
from tests.waiting import eventually

WAITING: LiteralString = """
SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
"""


async def test_a_purged_student_is_forgotten_and_their_lessons_to_come_cancelled(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3), notes_student="My name is Jane.")
    past = await student.books(tutor, in_days(4), notes_student="Call me on 123.")
    await student.client.post(f"/api/bookings/{past['id']}/cancel", json={"reason": "Jane is ill"})

    await deactivated(service, student.user_id)
    await purged(service, student.user_id)

    details = [(await tutor.client.get(f"/api/bookings/{b['id']}")).json() for b in (booking, past)]
    assert [(d["status"], d["refund_amount"], d["cancelled_by"]) for d in details] == [
        ("CANCELLED", 45.0, "system"),
        ("CANCELLED", 45.0, "student"),
    ]
    assert {d["student"]["name"] for d in details} == {"Deleted user"}
    assert {d["notes_student"] for d in details} == {None}
    assert details[1]["cancellation_reason"] is None
    assert "Jane" not in str(details)


@pytest.mark.parametrize("role", ["student", "tutor"])
async def test_the_lessons_to_come_of_a_deleted_account_are_cancelled_and_paid_back_at_once(service: Harness, role: str) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    confirmed, asked = await student.books(tutor, in_days(3)), await student.books(tutor, in_days(0.2, 23, 55))
    await tutor.confirms(confirmed["id"])

    await deleted(service, tutor.user_id if role == "tutor" else student.user_id, role)

    other = student if role == "tutor" else tutor
    details = [(await other.client.get(f"/api/bookings/{b['id']}")).json() for b in (confirmed, asked)]
    assert {(d["status"], d["refund_amount"], d["cancelled_by"]) for d in details} == {("CANCELLED", 45.0, "system")}
    assert await rows(service, "SELECT sum(amount) AS owed FROM ledger") == [{"owed": 0}]
    assert await rows(service, "SELECT id FROM bookings WHERE remind_at IS NOT NULL") == []


async def test_a_deletion_that_is_no_news_any_more_changes_nothing(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await service.deliver(UserChanged(**account(tutor.user_id, "tutor", 5)))

    await deleted(service, tutor.user_id, "tutor", version=4)

    assert (await student.client.get(f"/api/bookings/{booking['id']}")).json()["status"] == "PENDING"


async def test_a_repair_does_not_revive_a_deletion_that_was_taken_back(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await service.deliver(UserChanged(**account(tutor.user_id, "tutor", 5)))
    doubted = {"outdated": [tutor.user_id], "versions": {tutor.user_id: 5}}
    asked = await service.internal().post("/internal/integrity/replicas/user/distrust", json=doubted)
    assert asked.status_code == 204

    await deleted(service, tutor.user_id, "tutor", version=4)

    assert (await student.client.get(f"/api/bookings/{booking['id']}")).json()["status"] == "PENDING"


async def test_what_a_deleted_tutor_sold_is_paid_back_and_a_deleted_students_when_they_are_purged(service: Harness) -> None:
    tutor, leaving, student, other = (
        await a_tutor(service),
        await a_tutor(service),
        await a_student(service),
        await a_student(service),
    )
    for teacher, buyer in ((leaving, student), (tutor, other)):
        offer = {"name": "Three", "session_count": 3, "price": 100}
        package = (await teacher.client.post("/api/packages", json=offer)).json()
        await buyer.client.post(f"/api/packages/{package['id']}/purchase")
        await buyer.books(teacher, in_days(3), use_package_id=package["id"])

    await deleted(service, leaving.user_id, "tutor")
    await deleted(service, other.user_id)

    (sold,) = (await student.client.get("/api/packages/purchases")).json()
    assert (sold["status"], sold["credits_remaining"], sold["refund_amount"]) == ("refunded", 0, 100.0)
    (bought,) = (await tutor.client.get("/api/packages/purchases")).json()
    assert (bought["status"], bought["credits_remaining"]) == ("active", 3)
    await purged(service, other.user_id)
    (bought,) = (await tutor.client.get("/api/packages/purchases")).json()
    assert (bought["status"], bought["refund_amount"]) == ("refunded", 100.0)


async def test_who_is_deleted_while_somebody_books_keeps_no_lesson(service: Harness) -> None:
    for n in range(10):
        tutor, students = await a_tutor(service), [await a_student(service) for _ in range(4)]

        async def leave(tutor: Tutor) -> None:
            while True:  # as the queue would: an event that could not be handled is delivered again
                with suppress(Unavailable):
                    await deleted(service, tutor.user_id, "tutor")
                    return

        answers, _ = await asyncio.gather(
            asyncio.gather(*(s.asks(tutor, in_days(3 + n, 2 * i)) for i, s in enumerate(students))), leave(tutor)
        )

        assert {a.status_code for a in answers} <= {201, 404, 503}
    assert await rows(service, "SELECT id FROM bookings WHERE status <> 'CANCELLED'") == []
    assert await rows(service, "SELECT coalesce(sum(amount), 0) AS owed FROM ledger") == [{"owed": 0}]


async def test_who_is_deleted_while_somebody_buys_keeps_no_money(service: Harness) -> None:
    for _ in range(10):
        tutor, students = await a_tutor(service), [await a_student(service) for _ in range(4)]
        package = (await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 200})).json()

        answers, _ = await asyncio.gather(
            asyncio.gather(*(s.client.post(f"/api/packages/{package['id']}/purchase") for s in students)),
            deleted(service, tutor.user_id, "tutor"),
        )

        assert {a.status_code for a in answers} <= {201, 404}
    assert await rows(service, "SELECT id FROM purchases WHERE status <> 'refunded'") == []
    assert await rows(service, "SELECT coalesce(sum(amount), 0) AS owed FROM ledger") == [{"owed": 0}]


async def test_a_purchase_waits_for_a_tutor_who_is_just_leaving(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = (await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 200})).json()
    gone = UserChanged(**account(tutor.user_id, "tutor", 3, is_active=False, deleted_at=in_days(0)))

    async with service.database.transaction() as tx:
        await people.know(tx, gone, in_days(0))
        buying = asyncio.create_task(student.client.post(f"/api/packages/{package['id']}/purchase"))
        await eventually(lambda: somebody_waits(service, buying))

    assert (await buying).status_code == 404


async def test_a_purchase_that_waits_for_a_purge_is_not_in_its_way(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = await offered(tutor, description="Five lessons")
    names = {"first_name": "Deleted", "last_name": "user", "is_active": False, "purged": True}

    async with service.database.transaction() as tx:
        await lessons.queue(tx, {tutor.id}, set())
        buying = asyncio.create_task(student.client.post(f"/api/packages/{package['id']}/purchase"))
        await eventually(lambda: somebody_waits(service, buying))
        await people.know(tx, UserPurged(**account(tutor.user_id, "tutor", 9, **names)), in_days(0))

    assert (await buying).status_code == 404


async def test_a_tutor_who_has_another_role_now_can_be_left_free_of_charge(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await tutor.confirms(booking["id"])

    await service.deliver(UserChanged(**account(tutor.user_id, "student", 2)))
    await tutor.changes(is_active=False)

    with clock(service, in_days(3) - timedelta(minutes=1)):
        cancelled = (await student.client.post(f"/api/bookings/{booking['id']}/cancel")).json()
    assert (cancelled["status"], cancelled["refund_amount"]) == ("CANCELLED", 45.0)


async def test_a_tutor_who_is_deactivated_can_be_left_free_of_charge(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await tutor.confirms(booking["id"])

    await deactivated(service, tutor.user_id, "tutor")

    with clock(service, in_days(3) - timedelta(minutes=1)):
        cancelled = (await student.client.post(f"/api/bookings/{booking['id']}/cancel")).json()
    assert (cancelled["status"], cancelled["refund_amount"]) == ("CANCELLED", 45.0)


async def test_who_came_back_is_left_as_anybody_is(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await tutor.confirms(booking["id"])
    await deactivated(service, tutor.user_id, "tutor")

    await service.deliver(UserChanged(**account(tutor.user_id, "tutor", 3)))

    with clock(service, in_days(3) - timedelta(minutes=1)):
        cancelled = (await student.client.post(f"/api/bookings/{booking['id']}/cancel")).json()
    assert (cancelled["status"], cancelled["refund_amount"]) == ("CANCELLED", 0)


async def test_a_purged_tutor_is_forgotten_and_their_lessons_to_come_cancelled(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking, declined = await student.books(tutor, in_days(3)), await student.books(tutor, in_days(4))
    await tutor.client.post(f"/api/tutor/bookings/{declined['id']}/decline", json={"reason": "John is ill"})
    await offered(tutor, description="Lessons at John's")

    await purged(service, tutor.user_id, "tutor")

    details = [(await student.client.get(f"/api/bookings/{b['id']}")).json() for b in (booking, declined)]
    assert [(d["status"], d["refund_amount"]) for d in details] == [("CANCELLED", 45.0), ("DECLINED", 45.0)]
    assert {d["tutor"]["name"] for d in details} == {"Deleted user"}
    assert "John" not in str(details)
    assert await rows(service, "SELECT description FROM packages") == [{"description": None}]


async def test_a_purge_that_was_lost_is_made_up_for_by_what_auth_says_again(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3), notes_student="My name is Jane.")
    said = account(student.user_id, version=9, first_name="Deleted", last_name="user", is_active=False, purged=True)
    await rows(service, "UPDATE accounts SET version = 9, purged = true WHERE id = %(id)s RETURNING id", id=student.user_id)

    await service.deliver(UserSnapshot(**said))

    detail = (await tutor.client.get(f"/api/bookings/{booking['id']}")).json()
    assert (detail["status"], detail["notes_student"]) == ("CANCELLED", None)


async def test_a_lesson_goes_on_while_its_student_is_deactivated_and_nothing_new_is_booked(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))

    await deactivated(service, student.user_id)

    await tutor.confirms(booking["id"])
    with clock(service, in_days(3) + timedelta(hours=2)):
        assert (await student.asks(tutor, in_days(5))).status_code == 403


async def somebody_waits(service: Harness, task: asyncio.Task[httpx.Response]) -> bool:
    """Whether it waits in the queue, or has not waited at all."""
    return task.done() or bool(await rows(service, WAITING))
