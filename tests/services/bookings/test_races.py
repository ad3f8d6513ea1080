"""What races: the database decides, one wins, everybody is answered, and never by an error."""

import asyncio
from collections import Counter
from datetime import timedelta

from httpx import Response

from services.bookings import jobs
from tests.harness import Harness
from tests.services.bookings.people import (
    a_completed_lesson,
    a_student,
    a_tutor,
    clock,
    in_days,
    purged,
    request,
    rows,
    work,
)


def outcomes(answers: list[Response]) -> Counter[tuple[int, str]]:
    return Counter((a.status_code, a.json().get("code", "")) for a in answers)


async def test_two_hundred_bookings_of_one_slot_by_fifty_students_make_one(service: Harness) -> None:
    tutor, students = await a_tutor(service), [await a_student(service) for _ in range(50)]

    at_once = asyncio.Semaphore(50)  # more would wait for a connection, which is not the race meant here

    async def ask(n: int) -> Response:
        async with at_once:
            return await students[n % 50].asks(tutor, in_days(3))

    answers = await asyncio.gather(*map(ask, range(200)))

    assert outcomes(answers) == {(201, ""): 1, (400, "slot_taken"): 199}
    assert len(await service.outbox("bookings.booking.requested.v1")) == 1


async def test_overlapping_bookings_of_one_student_with_many_tutors_make_one(service: Harness) -> None:
    student, tutors = await a_student(service), [await a_tutor(service) for _ in range(20)]

    answers = await asyncio.gather(
        *(student.asks(tutor, in_days(3) + timedelta(minutes=5 * (n % 6))) for n, tutor in enumerate(tutors))
    )

    assert outcomes(answers) == {(201, ""): 1, (400, "slot_taken"): 19}


async def test_crossing_pairs_of_tutors_and_students_never_fail(service: Harness) -> None:
    """Each student wants each tutor at one time: queues by tutor and by student cross, which is where deadlocks would be."""
    tutors, students = [await a_tutor(service) for _ in range(5)], [await a_student(service) for _ in range(5)]

    answers = await asyncio.gather(*(s.asks(t, in_days(3)) for s in students for t in tutors))

    found = outcomes(answers)
    assert set(found) <= {(201, ""), (400, "slot_taken")}
    assert 1 <= found[201, ""] <= 5
    per_person = await rows(service, "SELECT max(n) FROM (SELECT count(*) AS n FROM bookings GROUP BY student_id) AS counts")
    assert per_person == [{"max": 1}]


async def test_one_key_sent_ten_times_at_once_books_once(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    answers = await asyncio.gather(
        *(
            student.client.post("/api/bookings", json=request(tutor, in_days(3)), headers={"Idempotency-Key": "same"})
            for _ in range(10)
        )
    )

    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["id"] for a in answers}) == 1


async def test_a_hundred_uses_of_a_package_with_five_credits_make_five(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = (await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 200})).json()
    await student.client.post(f"/api/packages/{package['id']}/purchase")

    answers = await asyncio.gather(
        *(student.asks(tutor, in_days(3 + n % 90, n // 90 * 2), use_package_id=package["id"]) for n in range(100))
    )

    assert outcomes(answers) == {(201, ""): 5, (402, "insufficient_package_credits"): 95}
    assert (await student.client.get("/api/packages/purchases")).json()[0]["credits_remaining"] == 0


async def test_bookings_and_uses_by_hand_share_the_credits(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = (await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 200})).json()
    await student.client.post(f"/api/packages/{package['id']}/purchase")

    answers = await asyncio.gather(
        *(student.asks(tutor, in_days(3 + n), use_package_id=package["id"]) for n in range(10)),
        *(tutor.client.patch(f"/api/packages/{package['id']}/use-credit") for _ in range(10)),
    )

    taken = Counter(a.status_code for a in answers)
    assert taken[201] + taken[200] == 5
    assert taken[402] == 15


async def test_decline_against_cancel_has_one_winner(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    for n in range(10):
        booking = await student.books(tutor, in_days(3 + n))

        declined, cancelled = await asyncio.gather(
            tutor.client.post(f"/api/tutor/bookings/{booking['id']}/decline"),
            student.client.post(f"/api/bookings/{booking['id']}/cancel"),
        )

        assert sorted([declined.status_code, cancelled.status_code]) == [200, 400]
    refunds = await rows(service, "SELECT count(*) AS n FROM ledger WHERE kind = 'refund' GROUP BY booking_id")
    assert refunds == [{"n": 1}] * 10


async def test_confirm_against_cancel_ends_cancelled_in_one_order_or_the_other(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    for n in range(10):
        booking = await student.books(tutor, in_days(3 + n))

        confirmed, cancelled = await asyncio.gather(
            tutor.client.post(f"/api/tutor/bookings/{booking['id']}/confirm"),
            student.client.post(f"/api/bookings/{booking['id']}/cancel"),
        )

        assert (confirmed.status_code, cancelled.status_code) in ((200, 200), (400, 200))
        detail = (await student.client.get(f"/api/bookings/{booking['id']}")).json()
        assert (detail["status"], detail["refund_amount"]) == ("CANCELLED", 45.0)
        made = [move["action"] for move in detail["history"]]
        assert made == (["request", "confirm", "cancel"] if confirmed.status_code == 200 else ["request", "cancel"])
        versions = await rows(service, "SELECT version FROM booking_moves WHERE booking_id = %(id)s ORDER BY 1", id=booking["id"])
        assert [row["version"] for row in versions] == list(range(1, len(made) + 1))
    refunds = await rows(service, "SELECT count(*) AS n FROM ledger WHERE kind = 'refund' GROUP BY booking_id")
    assert refunds == [{"n": 1}] * 10


async def test_one_key_sent_ten_times_at_once_buys_once(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = (await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 200})).json()
    path = f"/api/packages/{package['id']}/purchase"

    answers = await asyncio.gather(*(student.client.post(path, headers={"Idempotency-Key": "same"}) for _ in range(10)))

    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["id"] for a in answers}) == 1
    assert await rows(service, "SELECT count(*) AS n FROM ledger") == [{"n": 1}]


async def test_lessons_booked_at_once_use_up_one_purchase_and_then_the_next(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    package = (await tutor.client.post("/api/packages", json={"name": "One", "session_count": 1, "price": 40})).json()
    for _ in range(4):
        await student.client.post(f"/api/packages/{package['id']}/purchase")

    taken = await asyncio.gather(
        *(student.asks(tutor, in_days(3 + n), use_package_id=package["id"]) for n in range(2)),
        *(tutor.client.patch(f"/api/packages/{package['id']}/use-credit") for _ in range(2)),
    )

    assert sorted(a.status_code for a in taken) == [200, 200, 201, 201]


async def test_people_who_leave_together_never_block_each_other(service: Harness) -> None:
    tutors, students = [await a_tutor(service) for _ in range(4)], [await a_student(service) for _ in range(4)]
    for t, tutor in enumerate(tutors):
        for s, student in enumerate(students):
            await student.books(tutor, in_days(3 + (t + s) % 4))

    leaving = [(tutor.user_id, "tutor") for tutor in tutors] + [(student.user_id, "student") for student in students]
    await asyncio.gather(*(purged(service, user_id, role) for user_id, role in leaving))

    assert await rows(service, "SELECT status, count(*) AS n FROM bookings GROUP BY 1") == [{"status": "CANCELLED", "n": 16}]
    assert await rows(service, "SELECT sum(amount) AS owed FROM ledger") == [{"owed": 0}]


async def test_two_answers_to_one_review_at_once_make_one(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await a_completed_lesson(service, tutor, student)
    review = (await student.client.post("/api/reviews", json={"booking_id": booking["id"], "rating": 5})).json()
    path = f"/api/reviews/{review['id']}/response"

    answers = await asyncio.gather(*(tutor.client.post(path, json={"response": f"Thanks {n}"}) for n in range(5)))

    assert outcomes(answers) == {(201, ""): 1, (409, "already_answered"): 4}


async def test_a_reschedule_into_a_slot_being_booked_has_one_winner(service: Harness) -> None:
    tutor, student, other = await a_tutor(service), await a_student(service), await a_student(service)
    for n in range(10):
        booking = await student.books(tutor, in_days(3 + n))
        wanted = in_days(3 + n, 15)

        moved, booked = await asyncio.gather(
            student.client.post(f"/api/bookings/{booking['id']}/reschedule", json={"new_start_time": wanted.isoformat()}),
            other.asks(tutor, wanted),
        )

        assert sorted([moved.status_code, booked.status_code]) in ([200, 400], [201, 400])
        loser = moved if moved.status_code == 400 else booked
        assert loser.json()["code"] == "slot_taken"


async def test_several_workers_complete_each_lesson_once(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, in_days(-40)):
        for n in range(25):
            booking = await student.books(tutor, in_days(-30 + n))
            await tutor.confirms(booking["id"])

    await asyncio.gather(*(work(service, jobs.complete_lessons) for _ in range(4)))

    completed = await service.outbox("bookings.booking.completed.v1")
    assert Counter(e["data"]["booking_id"] for e in completed).most_common(1)[0][1] == 1
    assert len(completed) == 25


async def test_several_workers_expire_each_request_once(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, in_days(-40)):
        for n in range(25):
            await student.books(tutor, in_days(-30 + n))

    await asyncio.gather(*(work(service, jobs.expire_requests) for _ in range(4)))

    assert await rows(service, "SELECT status, count(*) AS n FROM bookings GROUP BY status") == [{"status": "EXPIRED", "n": 25}]
    assert await rows(service, "SELECT count(*) AS n, sum(amount) AS sum FROM ledger WHERE kind = 'refund'") == [
        {"n": 25, "sum": -25 * 45}
    ]


async def test_two_reviews_of_one_lesson_at_once_make_one(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, in_days(-4)):
        booking = await student.books(tutor, in_days(-2))
        await tutor.confirms(booking["id"])

    answers = await asyncio.gather(
        *(student.client.post("/api/reviews", json={"booking_id": booking["id"], "rating": 5}) for _ in range(10))
    )

    assert outcomes(answers) == {(201, ""): 1, (400, "already_reviewed"): 9}
