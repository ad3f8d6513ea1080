"""What time does: requests expire, lessons complete, reminders are said, payments settle; each once, also after a long stop."""

from datetime import UTC, datetime, timedelta

from services.bookings import jobs, metrics
from services.bookings.actions import money, timed
from services.bookings.queries.packages import Entry
from shared.db import Tx
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.bookings.people import a_completed_lesson, a_student, a_tutor, clock, in_days, rows, work

ALL = (jobs.expire_requests, jobs.complete_lessons, jobs.remind, jobs.expire_purchases, jobs.settle_payments)


async def test_an_unanswered_request_expires_with_everything_paid_back(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, datetime.now(UTC) - timedelta(hours=24)):
        booking = await student.books(tutor, in_days(3))

    await work(service, jobs.expire_requests)

    detail = (await student.client.get(f"/api/bookings/{booking['id']}")).json()
    assert (detail["status"], detail["refund_amount"]) == ("EXPIRED", 45.0)
    (event,) = await service.outbox("bookings.booking.expired.v1")
    assert (event["data"]["by"], event["data"]["version"]) == ("system", 2)
    await student.books(tutor, in_days(3))


async def test_a_request_that_can_still_be_answered_stays(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, datetime.now(UTC) - timedelta(hours=23)):
        booking = await student.books(tutor, in_days(3))

    await work(service, *ALL)

    assert (await student.client.get(f"/api/bookings/{booking['id']}")).json()["status"] == "PENDING"


async def test_a_lesson_is_completed_at_its_end_and_charged(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)

    booking = await a_completed_lesson(service, tutor, student)

    await work(service, *ALL)
    detail = (await student.client.get(f"/api/bookings/{booking['id']}")).json()
    assert (detail["status"], detail["refund_amount"], detail["join_url"]) == ("COMPLETED", 0.0, None)
    assert len(await service.outbox("bookings.booking.completed.v1")) == 1


async def test_everything_overdue_is_caught_up_in_batches(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, in_days(-60)):
        for n in range(8):
            await tutor.confirms((await student.books(tutor, in_days(-50 + n)))["id"])

    await jobs.drain(_runtime(service), timed.complete_lessons, batch=3)

    assert len(await service.outbox("bookings.booking.completed.v1")) == 8


async def test_reminders_are_said_a_day_and_an_hour_before_each_once(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await tutor.confirms(booking["id"])
    said = []

    for hours_before in (25, 24, 23.9, 2, 1, 0.9, -0.5):
        now = in_days(3) - timedelta(hours=hours_before)
        async with service.database.transaction() as tx:
            await timed.remind(tx, [], 10, now)
        said.append([e["data"]["hours"] for e in await service.outbox("bookings.booking.reminded.v1")])

    assert said == [[], [24], [24], [24], [24, 1], [24, 1], [24, 1]]


async def test_a_reminder_that_comes_too_late_is_left_out(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await tutor.confirms(booking["id"])

    async with service.database.transaction() as tx:
        await timed.remind(tx, [], 10, in_days(3) + timedelta(minutes=1))

    assert await service.outbox("bookings.booking.reminded.v1") == []
    assert await rows(service, "SELECT remind_at FROM bookings") == [{"remind_at": None}]


async def test_nobody_is_reminded_of_a_cancelled_or_unconfirmed_lesson(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    await student.books(tutor, in_days(3))
    cancelled = await student.books(tutor, in_days(4))
    await tutor.confirms(cancelled["id"])
    await student.client.post(f"/api/bookings/{cancelled['id']}/cancel")

    assert await rows(service, "SELECT id FROM bookings WHERE remind_at IS NOT NULL") == []


async def test_a_moved_lesson_is_reminded_of_at_its_new_time(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await tutor.confirms(booking["id"])
    await tutor.client.post(f"/api/bookings/{booking['id']}/reschedule", json={"new_start_time": in_days(6).isoformat()})

    assert await rows(service, "SELECT remind_at FROM bookings") == [{"remind_at": in_days(5)}]


async def test_every_charge_and_refund_is_settled_once_and_told(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await student.client.post(f"/api/bookings/{booking['id']}/cancel")

    await work(service, jobs.settle_payments, jobs.settle_payments)

    told = [(e["data"]["kind"], e["data"]["amount"]) for e in await service.outbox("bookings.payment.recorded.v1")]
    assert told == [("charge", "45.00"), ("refund", "45.00")]
    assert await rows(service, "SELECT count(*) AS n FROM ledger WHERE settled_at IS NULL") == [{"n": 0}]


class Unreliable:
    """A provider that fails for some entries, as often as said."""

    name = "unreliable"

    def __init__(self, failures: dict[int, int]) -> None:
        self.failures = failures

    async def settle(self, entry: Entry) -> str:
        if self.failures.get(entry.id, 0) > 0:
            self.failures[entry.id] -= 1
            raise ConnectionError("no answer")
        return f"paid-{entry.id}"


async def settled(service: Harness, provider: Unreliable, now: datetime) -> list[int]:
    """Let the worker settle what it can at that time; the entries that are paid then."""

    async def step(tx: Tx, _failed: list[int], _batch: int, _now: datetime) -> int:
        return await money.settle(tx, provider, now)

    await jobs.drain(_runtime(service), step, batch=1)
    return [row["id"] for row in await rows(service, "SELECT id FROM ledger WHERE settled_at IS NOT NULL ORDER BY id")]


async def test_a_payment_that_fails_holds_up_no_other_and_is_tried_again_later(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    for n in range(3):
        await student.books(tutor, in_days(3 + n))
    first, second, third = [row["id"] for row in await rows(service, "SELECT id FROM ledger ORDER BY id")]
    provider, now = Unreliable({first: 10**6, second: 1}), datetime.now(UTC)

    paid = [await settled(service, provider, now + wait) for wait in (timedelta(), timedelta(seconds=9), timedelta(seconds=11))]
    late = await settled(service, provider, now + timedelta(days=365))

    assert paid == [[third], [third], [second, third]]
    assert late == [second, third]
    assert await rows(service, "SELECT attempts FROM ledger WHERE id = %(id)s", id=first) == [{"attempts": 3}]
    assert len(await service.outbox("bookings.payment.recorded.v1")) == 2


async def test_a_payment_that_failed_many_times_is_still_tried_a_few_times_a_day(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    await student.books(tutor, in_days(3))
    await rows(service, "UPDATE ledger SET attempts = 5000 RETURNING id")
    now = datetime.now(UTC)

    await settled(service, Unreliable(dict.fromkeys(range(10**4), 1)), now)

    (row,) = await rows(service, "SELECT next_try_at FROM ledger")
    assert row["next_try_at"] == now + timedelta(hours=6)


async def test_a_refund_waits_for_its_charge(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await student.client.post(f"/api/bookings/{booking['id']}/cancel")
    charge, refund = [row["id"] for row in await rows(service, "SELECT id FROM ledger ORDER BY id")]
    provider, now = Unreliable({charge: 1}), datetime.now(UTC)

    assert await settled(service, provider, now) == []
    assert await settled(service, provider, now + timedelta(seconds=11)) == [charge, refund]


async def test_a_request_that_cannot_expire_holds_up_no_other(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, datetime.now(UTC) - timedelta(hours=30)):
        broken = await student.books(tutor, in_days(3))
    with clock(service, datetime.now(UTC) - timedelta(hours=29)):
        booking = await student.books(tutor, in_days(4))
    move = "INSERT INTO booking_moves SELECT booking_id, 2, 'expire', status, start_at, by, NULL, NULL, at FROM booking_moves"
    await rows(service, f"{move} WHERE booking_id = %(id)s RETURNING version", id=broken["id"])

    await work(service, jobs.expire_requests, jobs.measure_overdue)

    states = await rows(service, "SELECT id, status FROM bookings ORDER BY id")
    assert [(row["id"], row["status"]) for row in states] == [(broken["id"], "PENDING"), (booking["id"], "EXPIRED")]
    late = {what: metrics.overdue.labels(what)._value.get() for what in ("request", "lesson", "payment")}
    assert 6 * 3600 <= late["request"] < 7 * 3600
    assert late["lesson"] == 0
    assert late["payment"] > 0


async def test_a_lesson_that_cannot_be_completed_holds_up_no_other(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, in_days(-9)):
        broken, booking = [await student.books(tutor, in_days(day)) for day in (-5, -4)]
        for one in (broken, booking):
            await tutor.confirms(one["id"])
    move = "INSERT INTO booking_moves SELECT booking_id, 3, 'complete', status, start_at, by, NULL, NULL, at FROM booking_moves"
    await rows(service, f"{move} WHERE booking_id = %(id)s AND version = 2 RETURNING version", id=broken["id"])

    await work(service, jobs.complete_lessons)

    states = await rows(service, "SELECT id, status FROM bookings ORDER BY id")
    assert [(row["id"], row["status"]) for row in states] == [(broken["id"], "CONFIRMED"), (booking["id"], "COMPLETED")]


def _runtime(service: Harness) -> Runtime:
    return Runtime(service.app.state.settings, service.database)
