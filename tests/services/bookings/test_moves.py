"""Confirming, declining, cancelling, rescheduling lessons, and marking no-shows."""

from datetime import timedelta
from typing import Any

import pytest

from tests.harness import Harness
from tests.services.bookings.people import Student, Tutor, a_student, a_tutor, clock, in_days, next_id, rows

HOUR = timedelta(hours=1)


async def a_lesson(service: Harness, days: float = 3, confirmed: bool = True) -> tuple[Tutor, Student, dict[str, Any]]:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(days))
    if confirmed:
        await tutor.confirms(booking["id"])
    return tutor, student, booking


async def test_a_confirmed_lesson_has_a_room_and_a_history(service: Harness) -> None:
    tutor, student, booking = await a_lesson(service)

    detail = (await tutor.client.get(f"/api/bookings/{booking['id']}")).json()

    assert detail["status"] == "CONFIRMED"
    assert detail["join_url"].startswith("https://")
    assert [(h["action"], h["status"], h["by"]) for h in detail["history"]] == [
        ("request", "PENDING", "student"),
        ("confirm", "CONFIRMED", "tutor"),
    ]
    assert detail["student"] == {
        "user_id": student.user_id,
        "name": "Jane Student",
        "avatar_url": f"http://localhost:8000/api/avatars/{student.user_id}.webp",
    }


async def test_versions_grow_with_every_move(service: Harness) -> None:
    _tutor, student, booking = await a_lesson(service)
    await student.client.post(f"/api/bookings/{booking['id']}/cancel", json={"reason": "Ill"})

    said = [(e["type"].split(".")[2], e["data"]["version"], e["data"]["status"]) for e in await service.outbox()]

    assert said == [("requested", 1, "PENDING"), ("confirmed", 2, "CONFIRMED"), ("cancelled", 3, "CANCELLED")]


async def test_a_declined_lesson_is_paid_back_and_frees_the_slot(service: Harness) -> None:
    tutor, student, booking = await a_lesson(service, confirmed=False)

    answer = await tutor.client.post(f"/api/tutor/bookings/{booking['id']}/decline", json={"reason": "On holiday"})

    assert answer.status_code == 200
    declined = answer.json()
    assert (declined["status"], declined["refund_amount"], declined["cancellation_reason"]) == ("DECLINED", 45.0, "On holiday")
    assert declined["cancelled_by"] is None
    await student.books(tutor, in_days(3))


@pytest.mark.parametrize(
    ("who", "hours_before", "refund"),
    [("student", 25, 45.0), ("student", 23, 0.0), ("tutor", 1, 45.0)],
)
async def test_who_cancels_when_decides_what_is_paid_back(service: Harness, who: str, hours_before: int, refund: float) -> None:
    tutor, student, booking = await a_lesson(service)
    client = student.client if who == "student" else tutor.client

    with clock(service, in_days(3) - hours_before * HOUR):
        answer = await client.post(f"/api/bookings/{booking['id']}/cancel", json={"reason": "Schedule conflict"})

    assert answer.status_code == 200
    cancelled = answer.json()
    assert (cancelled["status"], cancelled["refund_amount"]) == ("CANCELLED", refund)
    assert (cancelled["cancelled_by"], cancelled["cancellation_reason"]) == (who, "Schedule conflict")


@pytest.mark.parametrize("move", ["cancel", "reschedule"])
async def test_an_administrator_is_told_whose_move_it_is(service: Harness, move: str) -> None:
    _, _, booking = await a_lesson(service)
    admin = service.person(next_id(), "admin")

    refused = await admin.post(f"/api/bookings/{booking['id']}/{move}", json={"new_start_time": in_days(5).isoformat()})

    assert (refused.status_code, refused.json()["detail"]) == (403, "Only the student or the tutor may do this.")


async def test_a_reason_is_not_required(service: Harness) -> None:
    _, student, booking = await a_lesson(service)

    assert (await student.client.post(f"/api/bookings/{booking['id']}/cancel")).status_code == 200


async def test_a_lesson_is_cancelled_once(service: Harness) -> None:
    _, student, booking = await a_lesson(service)
    await student.client.post(f"/api/bookings/{booking['id']}/cancel")

    again = await student.client.post(f"/api/bookings/{booking['id']}/cancel")

    assert (again.status_code, again.json()["code"]) == (400, "wrong_state")
    assert again.json()["detail"] == "The booking is CANCELLED: it cannot be cancelled."


async def test_what_the_student_moves_the_tutor_has_to_confirm(service: Harness) -> None:
    tutor, student, booking = await a_lesson(service)

    answer = await student.client.post(
        f"/api/bookings/{booking['id']}/reschedule", json={"new_start_time": in_days(4).isoformat(), "reason": "Emergency"}
    )

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["start_time"][:10]) == ("PENDING", str(in_days(4).date()))
    await student.books(tutor, in_days(3))
    (event,) = await service.outbox("bookings.booking.rescheduled.v1")
    assert event["data"]["previous_start_at"][:10] == str(in_days(3).date())


async def test_what_the_tutor_moves_stays_and_can_be_cancelled_free_until_the_start(service: Harness) -> None:
    tutor, student, booking = await a_lesson(service)
    path = f"/api/bookings/{booking['id']}"

    moved = await tutor.client.post(f"{path}/reschedule", json={"new_start_time": in_days(4).isoformat()})
    with clock(service, in_days(4) - timedelta(minutes=1)):
        cancelled = await student.client.post(f"{path}/cancel")

    assert moved.json()["status"] == "CONFIRMED"
    assert cancelled.json()["refund_amount"] == 45.0


async def test_whoever_asks_for_another_time_than_the_tutor_chose_may_still_cancel_free(service: Harness) -> None:
    tutor, student, booking = await a_lesson(service)
    path = f"/api/bookings/{booking['id']}"
    await tutor.client.post(f"{path}/reschedule", json={"new_start_time": in_days(4).isoformat()})

    with clock(service, in_days(4) - 20 * HOUR):
        asked = await student.client.post(f"{path}/reschedule", json={"new_start_time": in_days(6).isoformat()})
        cancelled = await student.client.post(f"{path}/cancel")

    assert asked.json()["status"] == "PENDING"
    assert cancelled.json()["refund_amount"] == 45.0


async def test_a_lesson_is_not_moved_onto_another_one(service: Harness) -> None:
    tutor, student, booking = await a_lesson(service)
    await (await a_student(service)).books(tutor, in_days(4))

    answer = await student.client.post(
        f"/api/bookings/{booking['id']}/reschedule", json={"new_start_time": (in_days(4) + HOUR / 2).isoformat()}
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "slot_taken")


@pytest.mark.parametrize(
    ("start_at", "code"),
    [
        ("9999-12-31T23:55:00-05:00", "validation_error"),
        ("0001-01-01T00:00:00+05:00", "validation_error"),
        ("9999-12-31T23:55:00Z", "invalid_start_time"),
    ],
)
async def test_a_lesson_is_not_moved_to_the_end_of_time(service: Harness, start_at: str, code: str) -> None:
    _, student, booking = await a_lesson(service)

    answer = await student.client.post(f"/api/bookings/{booking['id']}/reschedule", json={"new_start_time": start_at})

    assert (answer.status_code, answer.json()["code"]) == (422 if code == "validation_error" else 400, code)


async def test_a_request_that_the_tutor_never_agreed_to_is_withdrawn_free_at_any_time(service: Harness) -> None:
    _, student, booking = await a_lesson(service, confirmed=False)
    path = f"/api/bookings/{booking['id']}/cancel"
    await rows(service, "UPDATE bookings SET respond_by = start_at RETURNING id")

    with clock(service, in_days(3) - HOUR):
        withdrawn = (await student.client.post(path)).json()

    assert (withdrawn["status"], withdrawn["refund_amount"]) == ("CANCELLED", 45.0)


@pytest.mark.parametrize(("confirmed_again", "refund"), [(False, 0.0), (True, 45.0)])
async def test_moving_a_lesson_away_does_not_make_a_late_cancellation_free(
    service: Harness, confirmed_again: bool, refund: float
) -> None:
    tutor, student, booking = await a_lesson(service)
    path = f"/api/bookings/{booking['id']}"

    with clock(service, in_days(3) - 13 * HOUR):
        await student.client.post(f"{path}/reschedule", json={"new_start_time": in_days(9).isoformat()})
        if confirmed_again:
            await tutor.confirms(booking["id"])
        cancelled = (await student.client.post(f"{path}/cancel")).json()

    assert (cancelled["status"], cancelled["refund_amount"]) == ("CANCELLED", refund)


async def test_a_lesson_may_be_moved_into_its_own_time(service: Harness) -> None:
    _, student, booking = await a_lesson(service)

    answer = await student.client.post(
        f"/api/bookings/{booking['id']}/reschedule", json={"new_start_time": (in_days(3) + HOUR / 2).isoformat()}
    )

    assert answer.status_code == 200


async def test_a_lesson_is_moved_inside_the_calendar_only(service: Harness) -> None:
    tutor, student, booking = await a_lesson(service)
    await tutor.changes(windows=[])

    answer = await student.client.post(
        f"/api/bookings/{booking['id']}/reschedule", json={"new_start_time": in_days(4).isoformat()}
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "tutor_not_available")


async def test_a_lesson_is_moved_three_times_at_most(service: Harness) -> None:
    _, student, booking = await a_lesson(service)

    answers = [
        await student.client.post(f"/api/bookings/{booking['id']}/reschedule", json={"new_start_time": in_days(day).isoformat()})
        for day in (4, 5, 6, 7)
    ]

    assert [a.status_code for a in answers] == [200, 200, 200, 400]
    assert answers[-1].json()["code"] == "too_many_reschedules"


async def test_a_student_who_did_not_come_pays(service: Harness) -> None:
    tutor, _, booking = await a_lesson(service)
    path = f"/api/tutor/bookings/{booking['id']}/mark-no-show-student"

    with clock(service, in_days(3) + timedelta(minutes=9)):
        early = await tutor.client.post(path)
    with clock(service, in_days(3) + timedelta(minutes=10)):
        marked = await tutor.client.post(path)

    assert (early.status_code, early.json()["code"]) == (400, "outside_no_show_window")
    assert (marked.json()["status"], marked.json()["refund_amount"]) == ("NO_SHOW_STUDENT", 0.0)


async def test_a_tutor_who_did_not_come_is_not_paid_and_the_mark_is_audited(service: Harness) -> None:
    _tutor, _, booking = await a_lesson(service)
    admin_id = next_id()

    with clock(service, in_days(3) + 2 * HOUR):
        answer = await service.person(admin_id, "admin").post(f"/api/tutor/bookings/{booking['id']}/mark-no-show-tutor")

    assert (answer.json()["status"], answer.json()["refund_amount"]) == ("NO_SHOW_TUTOR", 45.0)
    (audited,) = await service.outbox("bookings.audit.recorded.v1")
    assert audited["data"]["actor_id"] == admin_id
    assert audited["data"]["details"] == {"before": "CONFIRMED", "after": "NO_SHOW_TUTOR"}


async def test_every_version_is_in_the_history(service: Harness) -> None:
    tutor, student, booking = await a_lesson(service)
    await student.client.post(f"/api/bookings/{booking['id']}/reschedule", json={"new_start_time": in_days(4).isoformat()})
    await tutor.confirms(booking["id"])

    found = await rows(service, "SELECT version, move, actor_id FROM booking_moves ORDER BY version")

    assert [(r["version"], r["move"]) for r in found] == [(1, "request"), (2, "confirm"), (3, "reschedule"), (4, "confirm")]
    assert [r["actor_id"] for r in found] == [student.user_id, tutor.user_id, student.user_id, tutor.user_id]
