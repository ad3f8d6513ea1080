"""The dashboards: sums that are kept already, put into the shape they are shown in."""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

from services.reporting import queries, rules
from services.reporting.queries import Activity, Count, Demand, Monthly, Session
from services.reporting.settings import ReportingSettings
from services.reporting.views import (
    ActivityView,
    MonthlyRevenueView,
    SessionMetricsView,
    SessionView,
    StatsView,
    SubjectShareView,
    UserGrowthView,
)
from shared.db import Tx

ByMonth = dict[tuple[date, str], dict[str, Decimal]]


async def stats(tx: Tx, settings: ReportingSettings, now: datetime) -> StatsView:
    accounts = await counts(tx, "accounts")
    tutors = await counts(tx, "tutors")
    bookings = await counts(tx, "bookings")
    month = rules.months_until(now, 1)[0]
    amounts = (await _monthly(tx, month, "revenue"))[month, "revenue"]
    return StatsView(
        total_users=sum(accounts.values()),
        total_tutors=accounts.get("tutor", 0),
        total_students=accounts.get("student", 0),
        pending_approvals=tutors.get("pending_approval", 0),
        total_bookings=sum(bookings.values()),
        revenue_this_month=_converted(amounts, settings),
        currency=settings.platform_currency,
        revenue_by_currency=amounts,
        currencies_without_rate=rules.without_rate(amounts, settings.exchange_rates, settings.platform_currency),
    )


async def recent_activities(tx: Tx, limit: int) -> list[ActivityView]:
    return [ActivityView.of(activity) for activity in await tx.all(Activity, queries.ACTIVITIES, limit=limit)]


async def upcoming_sessions(tx: Tx, limit: int, now: datetime) -> list[SessionView]:
    return [SessionView.of(session) for session in await tx.all(Session, queries.UPCOMING, limit=limit, now=now)]


async def session_metrics(tx: Tx) -> SessionMetricsView:
    return SessionMetricsView.of(await counts(tx, "bookings"))


async def subject_distribution(tx: Tx) -> list[SubjectShareView]:
    demand = await tx.all(Demand, queries.DEMAND)
    whole = sum(d.bookings for d in demand)
    return [SubjectShareView.of(d, whole) for d in demand]


async def monthly_revenue(tx: Tx, settings: ReportingSettings, count: int, now: datetime) -> list[MonthlyRevenueView]:
    months = rules.months_until(now, count)
    found = await _monthly(tx, months[0], "revenue", "sold")
    return [_revenue_of(month, found, settings) for month in months]


async def user_growth(tx: Tx, count: int, now: datetime) -> list[UserGrowthView]:
    months = rules.months_until(now, count)
    accounts = int(await tx.value(queries.ACCOUNTS_BEFORE, since=months[0]))
    found = await _monthly(tx, months[0], "registered", "deleted")
    views = []
    for month in months:
        new, deleted = _whole(found[month, "registered"]), _whole(found[month, "deleted"])
        accounts += sum(new.values()) - sum(deleted.values())
        views.append(
            UserGrowthView(
                month=month.strftime("%Y-%m"),
                new_users=sum(new.values()),
                new_students=new.get("student", 0),
                new_tutors=new.get("tutor", 0),
                deleted_users=sum(deleted.values()),
                total_users=accounts,
            )
        )
    return views


async def counts(tx: Tx, measure: str) -> dict[str, int]:
    """A measure of all time, by its key."""
    return {count.key: int(count.value) for count in await tx.all(Count, queries.COUNTS, measure=measure)}


async def _monthly(tx: Tx, since: date, *measures: str) -> ByMonth:
    """(month, measure) → key → value; empty where there is nothing."""
    found: ByMonth = defaultdict(dict)
    for row in await tx.all(Monthly, queries.MONTHLY, measures=list(measures), since=since):
        found[row.month, row.measure][row.key] = row.value
    return found


def _revenue_of(month: date, found: ByMonth, settings: ReportingSettings) -> MonthlyRevenueView:
    amounts, sold = found[month, "revenue"], _whole(found[month, "sold"])
    return MonthlyRevenueView.of(month, amounts, _converted(amounts, settings), settings.platform_currency, sold)


def _converted(amounts: dict[str, Decimal], settings: ReportingSettings) -> Decimal:
    return rules.converted(amounts, settings.exchange_rates, settings.platform_currency)


def _whole(values: dict[str, Decimal]) -> dict[str, int]:
    return {key: int(value) for key, value in values.items()}
