"""The dashboards: exact after each event, in whatever order events come."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.reporting import jobs
from shared.events import bookings as b
from shared.events.auth import UserChanged
from shared.events.profiles import SubjectChanged, TutorApproved
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.reporting.people import NOW, booking, purchase, tutor, user

MONTH = NOW.strftime("%Y-%m")


async def see(service: Harness, name: str, **params: Any) -> Any:
    answer = await service.person(1, "admin").get(f"/api/admin/dashboard/{name}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


DASHBOARDS = (
    "stats",
    "recent-activities",
    "upcoming-sessions",
    "session-metrics",
    "subject-distribution",
    "monthly-revenue",
    "user-growth",
    "system",
)


@pytest.mark.parametrize("name", DASHBOARDS)
async def test_only_an_administrator_sees_it(service: Harness, name: str) -> None:
    assert (await service.client().get(f"/api/admin/dashboard/{name}")).status_code == 401
    assert (await service.person(2, "tutor").get(f"/api/admin/dashboard/{name}")).status_code == 403


async def test_an_empty_platform_is_all_zeros(service: Harness) -> None:
    assert await see(service, "stats") == {
        "total_users": 0,
        "total_tutors": 0,
        "total_students": 0,
        "pending_approvals": 0,
        "total_bookings": 0,
        "revenue_this_month": 0,
        "currency": "USD",
        "revenue_by_currency": {},
        "currencies_without_rate": [],
    }
    assert (await see(service, "session-metrics"))["no_show_rate"] == 0
    assert await see(service, "subject-distribution") == []
    assert [month["revenue"] for month in await see(service, "monthly-revenue")] == [0] * 6


async def test_stats_count_people_tutors_bookings_and_revenue(service: Harness) -> None:
    await service.deliver(user(1, "admin"), user(10), user(11), user(20, "tutor"))
    await service.deliver(tutor(2, "pending_approval"), tutor(3, "pending_approval", is_active=False), tutor(4))
    await service.deliver(booking(1), booking(2, "PENDING", b.BookingRequested), purchase(1))

    stats = await see(service, "stats")

    assert stats["total_users"] == 4
    assert stats["total_tutors"] == 1
    assert stats["total_students"] == 2
    assert stats["pending_approvals"] == 1
    assert stats["total_bookings"] == 2
    assert stats["revenue_this_month"] == 245


async def test_a_deleted_account_is_no_longer_counted_until_it_is_restored(service: Harness) -> None:
    await service.deliver(user(10), user(10, kind=UserChanged, version=2, is_active=False, deleted_at=NOW))
    assert (await see(service, "stats"))["total_users"] == 0
    await service.deliver(user(10, kind=UserChanged, version=3))

    assert (await see(service, "stats"))["total_users"] == 1
    assert (await see(service, "user-growth", months=1)) == [
        {"month": MONTH, "new_users": 1, "new_students": 1, "new_tutors": 0, "deleted_users": 0, "total_users": 1}
    ]


async def test_older_states_that_come_late_change_nothing(service: Harness) -> None:
    await service.deliver(
        booking(1, "CANCELLED", b.BookingCancelled, version=3, refunded=Decimal(45)),
        booking(1, "CONFIRMED", version=2),
        booking(1, "PENDING", b.BookingRequested),
    )

    assert (await see(service, "stats"))["revenue_this_month"] == 0
    assert (await see(service, "session-metrics"))["by_status"] == {"CANCELLED": 1}


async def test_a_month_s_revenue_is_what_was_sold_in_it_less_refunds_and_paid_with_packages_only_once(service: Harness) -> None:
    await service.deliver(
        booking(1, "COMPLETED", b.BookingCompleted, price=Decimal("45.50")),
        booking(2, refunded=Decimal("10.25")),
        booking(3, purchase_id=1),
        booking(4, "PENDING", b.BookingRequested),
        purchase(1, b.PurchaseChanged, version=2, refunded=Decimal(50)),
        booking(5, currency="EUR", price=Decimal(100)),
        booking(6, created_at=NOW - timedelta(days=400)),
    )

    (month,) = await see(service, "monthly-revenue", months=1)

    assert month["by_currency"] == {"EUR": 100, "USD": 230.25}
    assert month["revenue"] == pytest.approx(338.25)  # 1.08 dollars for a euro
    assert (month["month"], month["currency"], month["bookings"], month["packages"]) == (MONTH, "USD", 3, 1)
    assert (await see(service, "stats"))["revenue_this_month"] == month["revenue"]


async def test_a_month_may_bring_more_than_one_price_can_be(service: Harness) -> None:
    await service.deliver(*(purchase(n, price=Decimal("9000000000.10")) for n in (1, 2)))

    stats, (month,) = await see(service, "stats"), await see(service, "monthly-revenue", months=1)

    assert (stats["revenue_this_month"], stats["revenue_by_currency"]) == (18_000_000_000.2, {"USD": 18_000_000_000.2})
    assert (month["revenue"], month["by_currency"]) == (18_000_000_000.2, {"USD": 18_000_000_000.2})


async def test_months_without_data_are_zeros_in_order(service: Harness) -> None:
    two_months_ago = (NOW.replace(day=1) - timedelta(days=32)).replace(day=1)
    await service.deliver(user(10, created_at=two_months_ago), user(11, created_at=NOW - timedelta(days=1000)))
    await service.deliver(booking(1, created_at=two_months_ago))

    revenue, growth = await see(service, "monthly-revenue", months=4), await see(service, "user-growth", months=4)

    assert [month["revenue"] for month in revenue] == [0, 45, 0, 0]
    assert [month["new_users"] for month in growth] == [0, 1, 0, 0]
    assert [month["total_users"] for month in growth] == [1, 2, 2, 2]
    assert [month["month"] for month in revenue] == sorted(month["month"] for month in revenue)
    assert revenue[-1]["month"] == MONTH


async def test_session_metrics_count_lessons_by_what_became_of_them(service: Harness) -> None:
    await service.deliver(
        booking(1, "COMPLETED", b.BookingCompleted),
        booking(2, "CANCELLED", b.BookingCancelled),
        booking(3, "DECLINED", b.BookingDeclined),
        booking(4, "NO_SHOW_STUDENT", b.BookingNoShow),
    )

    metrics = await see(service, "session-metrics")

    assert (metrics["total_sessions"], metrics["completed_sessions"], metrics["cancelled_sessions"]) == (4, 1, 2)
    assert metrics["no_show_rate"] == 0.25


async def test_subjects_are_listed_by_demand_under_their_present_names(service: Harness) -> None:
    await service.deliver(
        *(booking(n, subject_id=1) for n in (1, 2)), booking(3, subject_id=2, subject_name="Art"), booking(4, subject_id=None)
    )
    await service.deliver(SubjectChanged(subject_id=1, version=2, name="Maths", category=None))

    assert await see(service, "subject-distribution") == [
        {"subject_id": 1, "subject_name": "Maths", "bookings": 2, "share": 0.5},
        {"subject_id": 2, "subject_name": "Art", "bookings": 1, "share": 0.25},
        {"subject_id": None, "subject_name": None, "bookings": 1, "share": 0.25},
    ]


async def test_upcoming_sessions_are_those_that_have_not_ended_soonest_first(service: Harness) -> None:
    def at(hours: float) -> dict[str, Any]:
        return {"start_at": NOW + timedelta(hours=hours), "end_at": NOW + timedelta(hours=hours + 1)}

    await service.deliver(user(10), user(20, "tutor", kind=UserChanged, purged=True))
    await service.deliver(
        booking(1, **at(5)),
        booking(2, "PENDING", **at(3)),
        booking(3, "CANCELLED", **at(4)),
        booking(4, **at(-2)),
        booking(5, **at(-0.5)),
    )

    sessions = await see(service, "upcoming-sessions")

    assert [s["booking_id"] for s in sessions] == [5, 2, 1]
    assert (sessions[0]["student_name"], sessions[0]["tutor_name"]) == ("First10 Last", "Deleted user")
    assert [s["booking_id"] for s in await see(service, "upcoming-sessions", limit=1)] == [5]


async def test_recent_activities_tell_what_happened_newest_first(service: Harness) -> None:
    await service.deliver(user(10), user(20, "tutor"))
    await service.deliver(TutorApproved(tutor_id=2, user_id=20, by=1), booking(1))
    await service.deliver(booking(1, kind=b.BookingSnapshot, version=2))

    activities = await see(service, "recent-activities")

    assert [a["type"] for a in activities] == ["booking_confirmed", "tutor_approved", "user_registered", "user_registered"]
    assert activities[0]["description"] == "First20 Last confirmed a lesson with First10 Last"
    assert len(await see(service, "recent-activities", limit=2)) == 2


async def test_what_the_feed_will_never_show_again_is_forgotten(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ACTIVITIES", 2)
    await service.deliver(*(booking(n, occurred_at=NOW + timedelta(seconds=n)) for n in (3, 1, 4, 2)))

    await jobs.forget_activities(Runtime(service.app.state.settings, service.database))

    assert [a["target_id"] for a in await see(service, "recent-activities")] == [4, 3]


async def test_a_currency_without_rate_is_named_beside_the_sum_that_lacks_it(service: Harness) -> None:
    await service.deliver(booking(1, currency="XAF", price=Decimal(1000)), booking(2))

    stats = await see(service, "stats")

    assert (stats["revenue_this_month"], stats["currencies_without_rate"]) == (45, ["XAF"])


async def test_the_system_shows_what_waits_and_who_does_not_answer(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(service.app.state.peers.clients, "reporting", service.internal())
    await service.person(1, "admin").get("/api/audit/logs/export")  # says an event, which no relay takes here

    found = {entry["service"]: entry for entry in await see(service, "system")}

    assert found["reporting"]["is_ready"] is True
    assert found["reporting"]["outbox_depth"] == 1
    assert found["reporting"]["dead_letters"] == 0
    assert (found["bookings"]["is_ready"], found["bookings"]["outbox_age"]) == (False, None)


@pytest.mark.parametrize(("name", "params"), [("monthly-revenue", {"months": 0}), ("recent-activities", {"limit": 101})])
async def test_a_wrong_parameter_is_422(service: Harness, name: str, params: dict[str, int]) -> None:
    answer = await service.person(1, "admin").get(f"/api/admin/dashboard/{name}", params=params)

    assert answer.status_code == 422
