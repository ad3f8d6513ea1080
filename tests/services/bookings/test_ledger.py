"""Money: whatever is done with a lesson, its ledger sums to what the student finally owes for it, to the cent."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.bookings import jobs
from services.bookings.actions import lessons, moves, packages
from services.bookings.queries.lessons import Booking
from services.bookings.rules.money import price, share
from services.bookings.views.lessons import BookRequest, RescheduleRequest
from services.bookings.views.packages import PackageRequest
from shared.auth import Principal
from shared.db import Tx
from shared.errors import BadRequest, Refusal
from shared.tokens import Role
from tests.harness import Harness
from tests.services.bookings.people import a_student, a_tutor, in_days, rows, work

CURRENCIES = ["USD", "EUR", "GBP", "CAD", "AUD", "JPY", "CHF", "UAH", "PLN", "INR"]
FREE = {"DECLINED", "EXPIRED", "NO_SHOW_TUTOR"}
CHARGED = {"PENDING", "CONFIRMED", "COMPLETED", "NO_SHOW_STUDENT"}
OWED: LiteralString = "SELECT coalesce(sum(amount), 0) AS owed FROM ledger WHERE booking_id = %(id)s"
ADMIN = Principal(1, Role.ADMIN)
DAY = timedelta(days=1)
Act = Callable[[Tx, Booking, Principal, Principal, datetime], Awaitable[Booking]]

ACTS: dict[str, Act] = {
    "confirm": lambda tx, b, _, tutor, now: moves.confirm(tx, tutor, b.id, now),
    "decline": lambda tx, b, _, tutor, now: moves.decline(tx, tutor, b.id, None, now),
    "student cancels": lambda tx, b, student, _, now: moves.cancel(tx, student, b.id, None, now),
    "tutor cancels": lambda tx, b, _, tutor, now: moves.cancel(tx, tutor, b.id, None, now),
    "student moves": lambda tx, b, student, _, now: moves.reschedule(tx, student, b.id, a_day_later(b), now),
    "tutor moves": lambda tx, b, _, tutor, now: moves.reschedule(tx, tutor, b.id, a_day_later(b), now),
    "student missed": lambda tx, b, _, tutor, now: moves.mark_student_missing(tx, tutor, b.id, now),
    "tutor missed": lambda tx, b, _student, _tutor, now: moves.mark_tutor_missing(tx, ADMIN, b.id, None, now),
}
steps = st.lists(st.tuples(st.sampled_from(["confirm", *ACTS]), st.sampled_from([0, 1, 11, 23, 25, 49, 73])), max_size=6)


def a_day_later(booking: Booking) -> RescheduleRequest:
    return RescheduleRequest(new_start_time=booking.start_at + DAY)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cents=st.integers(100, 100_000),
    currency=st.sampled_from(CURRENCIES),
    quarters=st.integers(1, 12),
    days=st.integers(1, 4),
    steps=steps,
)
async def test_the_ledger_of_a_lesson_sums_to_what_the_student_owes(
    service: Harness, cents: int, currency: str, quarters: int, days: int, steps: list[tuple[str, int]]
) -> None:
    teacher = await a_tutor(service, hourly_rate=Decimal(cents) / 100, currency=currency)
    student, tutor = Principal((await a_student(service)).user_id, Role.STUDENT), Principal(teacher.user_id, Role.TUTOR)
    now = in_days(-30)
    request = BookRequest(tutor_profile_id=teacher.id, start_at=now + days * DAY, duration_minutes=15 * quarters)
    async with service.database.transaction() as tx:
        booking = await lessons.book(tx, student, request, now)
    for name, hours in steps:
        now += timedelta(hours=hours)
        with suppress(BadRequest):
            async with service.database.transaction() as tx:
                booking = await ACTS[name](tx, booking, student, tutor, now)

    cost = price(Decimal(cents) / 100, 15 * quarters, currency)
    await the_sum_is_right(service, booking.id, cost)
    await work(service, jobs.expire_requests, jobs.complete_lessons)
    await the_sum_is_right(service, booking.id, cost)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cents=st.integers(1, 100_000),
    currency=st.sampled_from(["USD", "JPY"]),
    sessions=st.integers(1, 7),
    taken=st.integers(0, 4),
    ends=st.lists(st.sampled_from(["tutor cancels", "student cancels", "decline", "refund", "by hand"]), max_size=6),
)
async def test_the_ledger_of_a_purchase_sums_to_what_was_not_paid_back(
    service: Harness, cents: int, currency: str, sessions: int, taken: int, ends: list[str]
) -> None:
    teacher, pupil = await a_tutor(service, currency=currency), await a_student(service)
    student, tutor = Principal(pupil.user_id, Role.STUDENT), Principal(teacher.user_id, Role.TUTOR)
    now, cost = in_days(-30), Decimal(cents) / (100 if currency == "USD" else 1)
    offer = PackageRequest(name="Some", session_count=sessions, price=cost)
    async with service.database.transaction() as tx:
        purchase = await packages.buy(tx, student, (await packages.offer(tx, tutor, offer, now)).id, now)
    booked = []
    for n in range(min(taken, sessions)):
        wish = BookRequest(tutor_profile_id=teacher.id, start_at=now + (n + 2) * DAY, use_package_id=purchase.id)
        async with service.database.transaction() as tx:
            booked.append(await lessons.book(tx, student, wish, now))

    by_hand = 0
    for end in ends:
        with suppress(Refusal):
            async with service.database.transaction() as tx:
                if end == "refund":
                    await packages.refund(tx, tutor, purchase.id, now)
                elif end == "by hand":
                    await packages.use_credit(tx, tutor, purchase.id, None, now)
                    by_hand += 1
                elif booked:
                    await ACTS[end](tx, booked.pop(), student, tutor, now)

    (after,) = await rows(service, "SELECT * FROM purchases WHERE id = %(id)s", id=purchase.id)
    (ledger,) = await rows(service, "SELECT sum(amount) AS owed FROM ledger WHERE purchase_id = %(id)s", id=purchase.id)
    assert ledger["owed"] == cost - after["refunded"]
    assert after["refunded"] == share(cost, after["credits_refunded"], sessions, currency)
    used = len(booked) + after["credits_remaining"] + after["credits_refunded"]
    assert sessions - used == by_hand
    assert await rows(service, "SELECT l.id FROM ledger l JOIN bookings b ON b.id = l.booking_id WHERE b.purchase_id = %(id)s",
                      id=purchase.id) == []  # fmt: skip


async def the_sum_is_right(service: Harness, booking_id: int, cost: Decimal) -> None:
    (row,) = await rows(service, "SELECT status, price, refunded FROM bookings WHERE id = %(id)s", id=booking_id)
    (ledger,) = await rows(service, OWED, id=booking_id)
    assert row["price"] == cost
    assert ledger["owed"] == row["price"] - row["refunded"]
    assert row["refunded"] in (0, row["price"])
    assert row["refunded"] == row["price"] or row["status"] not in FREE
    assert row["refunded"] == 0 or row["status"] not in CHARGED
