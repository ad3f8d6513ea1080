"""HTTP edge of the reporting service: parse, call, answer."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator

from services.reporting import audit, dashboards, system
from services.reporting.audit import Filter
from services.reporting.integrity import examine, one_at_a_time
from services.reporting.settings import ReportingSettings
from services.reporting.views import (
    ActivityView,
    AuditEntryView,
    IntegrityView,
    MonthlyRevenueView,
    ServiceView,
    SessionMetricsView,
    SessionView,
    StatsView,
    SubjectShareView,
    UserGrowthView,
)
from shared.auth import Admin, Now
from shared.db import Database, Reading, Transaction
from shared.events.reporting import ReportingAudited
from shared.http import answers_file
from shared.outbox import publish
from shared.paging import Paging50
from shared.types import Id, Maybe, SearchTerm

router = APIRouter(prefix="/api")

Limit = Annotated[int, Query(ge=1, le=100)]
Months = Annotated[int, Query(ge=1, le=60, description="How many months, the present one included.")]


def _day(value: object) -> object:
    """`2026-01-31` is the day, not its first moment. `20260131` is no number of seconds since 1970."""
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, str) and value[4:5] != "-":
        raise ValueError("must be an instant or a date, such as 2026-01-31")
    return date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-01-31") else value


Moment = Annotated[
    datetime | date | None,
    BeforeValidator(_day),
    Query(description="An instant (UTC unless it has an offset), or a date for the whole day."),
]


async def _settings(request: Request) -> ReportingSettings:
    settings: ReportingSettings = request.app.state.settings
    return settings


async def _filter(
    action_type: Annotated[Maybe[SearchTerm], Query()] = None,
    user_id: Annotated[Maybe[Id], Query()] = None,
    from_: Annotated[Moment, Query(alias="from")] = None,
    to: Moment = None,
    target_type: Annotated[Maybe[SearchTerm], Query()] = None,
    target_id: Annotated[Maybe[Id], Query()] = None,
) -> Filter:
    span = _instant(from_, timedelta(0)), _instant(to, timedelta(days=1))
    return Filter(action_type, user_id, *span, target_type, target_id)


Settings = Annotated[ReportingSettings, Depends(_settings)]
Wanted = Annotated[Filter, Depends(_filter)]


@router.get("/audit/logs", tags=["Audit Logs"])
async def audit_logs(_: Admin, tx: Reading, only: Wanted, page: Paging50, response: Response) -> list[AuditEntryView]:
    """Privileged and security-relevant acts, newest first. `X-Total-Count` says how many there are in all, or 10000 for more."""
    entries, total = await audit.find(tx, only, page)
    response.headers["X-Total-Count"] = str(total)
    return [AuditEntryView.of(entry) for entry in entries]


@router.get(
    "/audit/logs/export",
    tags=["Audit Logs"],
    response_class=StreamingResponse,
    responses=answers_file("application/x-ndjson", "text/csv"),
)
async def export_audit_logs(
    actor: Admin, tx: Transaction, request: Request, only: Wanted, format: Literal["csv", "ndjson"] = "ndjson"
) -> StreamingResponse:
    """The whole log, or what the filters leave of it, as a stream, oldest first. The export is itself an entry."""
    await publish(tx, ReportingAudited.of("audit_log_exported", actor, "audit_log", None, format=format, **_said(only)))
    database = Database.of(request)
    rows = audit.as_csv(database, only) if format == "csv" else audit.ndjson(database, only)
    media_type = "text/csv; charset=utf-8" if format == "csv" else "application/x-ndjson"
    return StreamingResponse(
        rows, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="audit-log.{format}"'}
    )


@router.get("/admin/dashboard/stats", tags=["Admin Panel"])
async def stats(_: Admin, tx: Reading, settings: Settings, now: Now) -> StatsView:
    """The platform in numbers."""
    return await dashboards.stats(tx, settings, now)


@router.get("/admin/dashboard/recent-activities", tags=["Admin Panel"])
async def recent_activities(_: Admin, tx: Reading, limit: Limit = 50) -> list[ActivityView]:
    """What happened last on the platform, newest first."""
    return await dashboards.recent_activities(tx, limit)


@router.get("/admin/dashboard/upcoming-sessions", tags=["Admin Panel"])
async def upcoming_sessions(_: Admin, tx: Reading, now: Now, limit: Limit = 50) -> list[SessionView]:
    """Pending and confirmed lessons that have not ended, soonest first."""
    return await dashboards.upcoming_sessions(tx, limit, now)


@router.get("/admin/dashboard/session-metrics", tags=["Admin Panel"])
async def session_metrics(_: Admin, tx: Reading) -> SessionMetricsView:
    """All lessons by what became of them."""
    return await dashboards.session_metrics(tx)


@router.get("/admin/dashboard/subject-distribution", tags=["Admin Panel"])
async def subject_distribution(_: Admin, tx: Reading) -> list[SubjectShareView]:
    """How often each subject was booked, most popular first."""
    return await dashboards.subject_distribution(tx)


@router.get("/admin/dashboard/monthly-revenue", tags=["Admin Panel"])
async def monthly_revenue(_: Admin, tx: Reading, settings: Settings, now: Now, months: Months = 6) -> list[MonthlyRevenueView]:
    """Revenue by month, oldest first; months without any are zeros."""
    return await dashboards.monthly_revenue(tx, settings, months, now)


@router.get("/admin/dashboard/user-growth", tags=["Admin Panel"])
async def user_growth(_: Admin, tx: Reading, now: Now, months: Months = 6) -> list[UserGrowthView]:
    """Accounts by month, oldest first; months without any are zeros."""
    return await dashboards.user_growth(tx, months, now)


@router.get("/admin/dashboard/system", tags=["Admin Panel"])
async def services(_: Admin, request: Request, settings: Settings) -> list[ServiceView]:
    """Whether each service is ready, and how many events wait, were given up, or have not left yet."""
    return await system.look(request.app.state.peers, settings.amqp_url, tuple(settings.services))


@router.get("/health/integrity", tags=["Health & Monitoring"])
async def integrity(
    actor: Admin,
    request: Request,
    settings: Settings,
    now: Now,
    repair: Annotated[bool, Query(description="Heal what is wrong.")] = False,
) -> IntegrityView:
    """Compare every service's replicas with their owners. With `repair`, owners say again what replicas have wrong. What takes
    too long is `unchecked`; while somebody else compares it is 409."""
    database = Database.of(request)
    async with one_at_a_time(database):
        if repair:  # said before it is done: it may take longer than the process lives
            async with database.transaction() as tx:
                await publish(tx, ReportingAudited.of("integrity_repaired", actor, "replicas", None))
        findings = await examine(request.app.state.peers, database, tuple(settings.services), repair=repair)
    async with database.reading() as tx:
        roles = await dashboards.counts(tx, "accounts")
    return IntegrityView.of(findings, roles, now)


def _instant(moment: datetime | date | None, of_a_day: timedelta) -> datetime | None:
    """The instant meant; for a date, `of_a_day` after its first (UTC) moment. The end of time is none."""
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC) + of_a_day
    except OverflowError:
        return None


def _said(only: Filter) -> dict[str, str]:
    """The filters, by the names of their parameters."""
    asked = {"action_type": only.action, "user_id": only.user_id, "from": only.from_at, "to": only.to_at}
    asked |= {"target_type": only.target_type, "target_id": only.target_id}
    return {name: str(value) for name, value in asked.items() if value is not None}
