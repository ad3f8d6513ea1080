"""What clients get."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from services.reporting import rules
from services.reporting.integrity import Findings
from services.reporting.integrity.comparing import Finding
from services.reporting.queries import Activity, Demand, Entry, Session
from shared.types import Instant, Money

Health = Literal["healthy", "unhealthy", "incomplete"]
Sum = Annotated[Decimal, Field(decimal_places=2), PlainSerializer(float, return_type=float, when_used="json")]
"""As `Money`, of any number of amounts: it may have more digits than one of them."""
LISTED = 1000  # findings in one report; the total tells of the rest


class AuditEntryView(BaseModel):
    """Who did what to whom, from where. `user_id` is who did it; nobody, when time did."""

    id: int
    user_id: int | None
    action: str
    details: dict[str, Any]
    ip_address: str | None
    created_at: Instant
    service: str
    target_type: str | None
    target_id: int | None
    user_agent: str | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls.model_validate(entry, from_attributes=True)


class StatsView(BaseModel):
    """The platform in numbers. Deleted accounts are not counted; `currencies_without_rate` are not in `revenue_this_month`."""

    total_users: int
    total_tutors: int
    total_students: int
    pending_approvals: int
    total_bookings: int
    revenue_this_month: Sum
    currency: str
    revenue_by_currency: dict[str, Sum]
    currencies_without_rate: list[str]


class ActivityView(BaseModel):
    id: UUID
    type: str
    description: str
    user_id: int | None
    user_name: str | None
    target_type: str
    target_id: int
    created_at: Instant

    @classmethod
    def of(cls, activity: Activity) -> Self:
        names = activity.user_name or None, activity.other_name or None
        return cls(
            id=activity.event_id,
            type=activity.kind,
            description=rules.sentence(activity.kind, *names),
            user_id=activity.user_id,
            user_name=names[0],
            target_type=activity.target_type,
            target_id=activity.target_id,
            created_at=activity.occurred_at,
        )


class SessionView(BaseModel):
    """A lesson to come, soonest first."""

    booking_id: int
    status: Literal["PENDING", "CONFIRMED"]
    student_id: int
    student_name: str | None
    tutor_profile_id: int
    tutor_user_id: int
    tutor_name: str | None
    subject_id: int | None
    subject_name: str | None
    start_at: Instant
    end_at: Instant
    lesson_type: Literal["online", "in_person"]
    price: Money
    currency: str

    @classmethod
    def of(cls, session: Session) -> Self:
        return cls(
            booking_id=session.booking_id,
            status=session.status,
            student_id=session.student_id,
            student_name=session.student_name or None,
            tutor_profile_id=session.tutor_id,
            tutor_user_id=session.tutor_user_id,
            tutor_name=session.tutor_name or None,
            subject_id=session.subject_id,
            subject_name=session.subject_name,
            start_at=session.start_at,
            end_at=session.end_at,
            lesson_type=session.lesson_type,
            price=session.price,
            currency=session.currency,
        )


class SessionMetricsView(BaseModel):
    """All lessons by what became of them. `cancelled_sessions` are CANCELLED, DECLINED and EXPIRED, as in lists of bookings."""

    total_sessions: int
    completed_sessions: int
    cancelled_sessions: int
    no_show_rate: float
    pending_sessions: int
    confirmed_sessions: int
    no_show_sessions: int
    by_status: dict[str, int]

    @classmethod
    def of(cls, by_status: Mapping[str, int]) -> Self:
        return cls(
            total_sessions=sum(by_status.values()),
            completed_sessions=by_status.get("COMPLETED", 0),
            cancelled_sessions=rules.total(by_status, ("CANCELLED", "DECLINED", "EXPIRED")),
            no_show_rate=rules.no_show_rate(by_status),
            pending_sessions=by_status.get("PENDING", 0),
            confirmed_sessions=by_status.get("CONFIRMED", 0),
            no_show_sessions=rules.total(by_status, ("NO_SHOW_STUDENT", "NO_SHOW_TUTOR")),
            by_status=dict(by_status),
        )


class SubjectShareView(BaseModel):
    """How often a subject was booked, and its share of all bookings. Lessons without a subject come under null."""

    subject_id: int | None
    subject_name: str | None
    bookings: int
    share: float

    @classmethod
    def of(cls, demand: Demand, whole: int) -> Self:
        return cls(
            subject_id=demand.subject_id,
            subject_name=demand.subject_name,
            bookings=demand.bookings,
            share=rules.share(demand.bookings, whole),
        )


class MonthlyRevenueView(BaseModel):
    """What the sales of a UTC month bring: confirmed and completed bookings by the day they were made, packages by the day
    they were bought, less what was refunded of them since."""

    month: str
    revenue: Sum
    currency: str
    by_currency: dict[str, Sum]
    bookings: int
    packages: int

    @classmethod
    def of(cls, month: date, amounts: Mapping[str, Decimal], revenue: Decimal, currency: str, sold: Mapping[str, int]) -> Self:
        return cls(
            month=month.strftime("%Y-%m"),
            revenue=revenue,
            currency=currency,
            by_currency=dict(amounts),
            bookings=sold.get("bookings", 0),
            packages=sold.get("packages", 0),
        )


class FindingView(BaseModel):
    """A row of a service's replica that is not what its owner says. Without id: something that is not one row."""

    model_config = ConfigDict(from_attributes=True)

    service: str
    entity: str
    id: int | None
    problem: str


class ComparedView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    service: str
    entity: str
    owner: str


class IntegrityReport(BaseModel):
    """`issues` are what is wrong now, `repaired` what was until this request, `unchecked` what could not be compared."""

    health_status: Health
    total_users: int
    role_counts: dict[str, int]
    issues: list[FindingView]
    total_issues: int
    repaired: list[FindingView]
    total_repaired: int
    unchecked: list[FindingView]
    checked: list[ComparedView]
    timestamp: Instant


class IntegrityView(BaseModel):
    """`incomplete`: nothing wrong was found, but not everything could be compared."""

    status: Health
    report: IntegrityReport

    @classmethod
    def of(cls, found: Findings, role_counts: Mapping[str, int], now: datetime) -> Self:
        health: Health = "unhealthy" if found.issues else "incomplete" if found.unchecked else "healthy"
        counts = {"student": 0, "tutor": 0, "admin": 0, **role_counts}
        report = IntegrityReport(
            health_status=health,
            total_users=sum(counts.values()),
            role_counts=counts,
            issues=_views(found.issues),
            total_issues=len(found.issues),
            repaired=_views(found.repaired),
            total_repaired=len(found.repaired),
            unchecked=_views(found.unchecked),
            checked=[ComparedView.model_validate(pair) for pair in found.checked],
            timestamp=now,
        )
        return cls(status=health, report=report)


class ServiceView(BaseModel):
    """How a service is. None: it could not be asked."""

    service: str
    is_ready: bool
    queue_depth: int | None
    """Events that wait to be handled by it."""
    dead_letters: int | None
    outbox_depth: int | None
    """Events it has said that the broker does not have yet, and the seconds since the oldest."""
    outbox_age: float | None


class UserGrowthView(BaseModel):
    """Accounts made and deleted in a UTC month, and how many there were at its end."""

    month: str
    new_users: int
    new_students: int
    new_tutors: int
    deleted_users: int
    total_users: int


def _views(findings: list[Finding]) -> list[FindingView]:
    return [FindingView.model_validate(finding) for finding in findings[:LISTED]]
