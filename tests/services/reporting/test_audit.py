"""The audit log: complete, filterable, exportable, and not to be changed."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from services.reporting import audit, queries
from services.reporting.consumers import record_act
from shared.auth import Origin, Principal
from shared.events import catalogue
from shared.events.auth import AuthAudited, UserPurged
from shared.events.base import AuditRecorded
from shared.events.profiles import ProfilesAudited
from shared.tokens import Role
from tests.harness import Harness
from tests.services.reporting.people import ADMIN, tutor, user
from tests.waiting import eventually

WAITING_FOR_LOCKS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def role_changed(user_id: int, **fields: Any) -> AuthAudited:
    return AuthAudited(action="user_role_changed", actor_id=1, target_type="user", target_id=user_id, **fields)


async def logs(service: Harness, **params: Any) -> list[dict[str, Any]]:
    answer = await service.person(1, "admin").get("/api/audit/logs", params=params)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()
    return entries


async def test_an_act_is_recorded_with_who_whom_what_and_from_where(service: Harness) -> None:
    event = AuthAudited.of("user_role_changed", ADMIN, "user", 42, old_role="student", new_role="tutor")
    await service.deliver(event)

    (entry,) = await logs(service)
    assert entry == {
        "id": entry["id"],
        "user_id": 1,
        "action": "user_role_changed",
        "details": {"old_role": "student", "new_role": "tutor"},
        "ip_address": "192.168.1.1",
        "created_at": event.occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "service": "auth",
        "target_type": "user",
        "target_id": 42,
        "user_agent": "Browser",
    }


async def test_a_filter_that_was_not_filled_in_filters_nothing(service: Harness) -> None:
    await service.deliver(AuthAudited.of("user_role_changed", ADMIN, "user", 42))

    assert len(await logs(service, action_type="", user_id="", target_type=" ", target_id="", **{"from": "", "to": ""})) == 1


def test_the_log_hears_every_kind_of_audit_event(service: Harness) -> None:
    audited = {kind.type for kind in catalogue.load().values() if issubclass(kind, AuditRecorded)}

    assert audited <= service.service.subscriptions.kinds.keys()
    assert "auth.audit.recorded.v1" in audited


def test_no_act_is_told_to_other_teams() -> None:
    """Who did what from where, and whom somebody blocked, is for the log alone."""
    assert [kind for kind in catalogue.load().values() if issubclass(kind, AuditRecorded) and not kind.private] == []


async def test_only_an_administrator_reads_it(service: Harness) -> None:
    assert (await service.client().get("/api/audit/logs")).status_code == 401
    for role in ("student", "tutor"):
        assert (await service.person(2, role).get("/api/audit/logs")).status_code == 403
        assert (await service.person(2, role).get("/api/audit/logs/export")).status_code == 403


async def test_pages_come_newest_first_with_the_total_in_a_header(service: Harness) -> None:
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 3, 2)]
    await service.deliver(*(role_changed(n, occurred_at=at) for n, at in enumerate(days)))

    answer = await service.person(1, "admin").get("/api/audit/logs", params={"page_size": 2})
    assert [entry["target_id"] for entry in answer.json()] == [1, 2]
    assert answer.headers["x-total-count"] == "3"
    assert [entry["target_id"] for entry in await logs(service, page_size=2, page=2)] == [0]
    assert await logs(service, page=9) == []


async def test_the_total_is_counted_up_to_a_bound(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "COUNTED", 2)
    await service.deliver(*(role_changed(n) for n in range(3)))

    assert (await service.person(1, "admin").get("/api/audit/logs")).headers["x-total-count"] == "2"


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"action_type": "tutor_approved"}, [7]),
        ({"user_id": 2}, [7]),
        ({"user_id": 1, "action_type": "tutor_approved"}, []),
        ({"target_type": "user", "target_id": 5}, [5]),
        ({"target_type": "tutor"}, [7]),
        ({"target_type": "user", "target_id": 7}, []),
        ({"to": "9999-12-31"}, [7, 5]),
        ({"from": "0001-01-01", "to": "9999-12-31T23:59:59.999999-14:00"}, [7, 5]),
        ({"from": "9999-12-31"}, []),
        ({"from": "2026-01-02"}, [7]),
        ({"to": "2026-01-01"}, [5]),
        ({"from": "2026-01-01T10:00:00Z", "to": "2026-01-02T10:00:00Z"}, [5]),
        ({"from": "2026-01-01T10:00:01", "to": "2026-01-02T10:00:00Z"}, []),
    ],
)
async def test_filters_combine(service: Harness, params: dict[str, Any], found: list[int]) -> None:
    first, second = datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 1, 2, 10, tzinfo=UTC)
    await service.deliver(role_changed(5, occurred_at=first))
    await service.deliver(
        ProfilesAudited(action="tutor_approved", actor_id=2, target_type="tutor", target_id=7, occurred_at=second)
    )

    assert [entry["target_id"] for entry in await logs(service, **params)] == found
    exported = await service.person(1, "admin").get("/api/audit/logs/export", params=params)
    assert [json.loads(line)["target_id"] for line in exported.text.splitlines()] == found[::-1]


@pytest.mark.parametrize(
    "params",
    [
        {"from": "yesterday"},
        {"to": "20260131"},
        {"from": "1767225600"},
        {"from": "1767225600.5"},
        {"from": "+20260131"},
        {"user_id": 0},
        {"page_size": 101},
        {"page": 0},
        {"action_type": "x" * 101},
        {"target_id": 0},
    ],
)
async def test_a_wrong_filter_is_422(service: Harness, params: dict[str, Any]) -> None:
    answer = await service.person(1, "admin").get("/api/audit/logs", params=params)

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log"])
async def test_the_service_has_no_right_to_change_what_was_recorded(service: Harness, statement: str) -> None:
    await service.deliver(role_changed(5))

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with service.database.transaction() as tx:
            await tx.connection.execute(statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with service.database.transaction() as tx:
            await tx.connection.execute("TRUNCATE audit_log")


async def test_an_export_streams_everything_oldest_first(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "BATCH", 3)
    await service.deliver(*(role_changed(n) for n in range(1, 9)))

    answer = await service.person(1, "admin").get("/api/audit/logs/export")

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["target_id"] for line in answer.text.splitlines()] == list(range(1, 9))


async def test_an_export_as_csv_has_a_header_and_no_formulas(service: Harness) -> None:
    await service.deliver(role_changed(5, user_agent="=HYPERLINK(1)", details={"note": 'a "quoted", one'}))

    answer = await service.person(1, "admin").get("/api/audit/logs/export", params={"format": "csv", "user_id": 1})

    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert (row["action"], row["target_id"], row["user_agent"]) == ("user_role_changed", "5", "'=HYPERLINK(1)")
    assert json.loads(row["details"]) == {"note": 'a "quoted", one'}
    assert row["ip_address"] == ""


@pytest.mark.parametrize("separator", [",", ";", "\t"])
async def test_an_export_has_no_formulas_whatever_a_spreadsheet_takes_for_the_separator(service: Harness, separator: str) -> None:
    for text in ("Mozilla;=cmd|' /C calc'!A0", 'a;"=1+1"', "a; +1", "a\t@1", "a\r\n-1", "\t=1"):
        await service.deliver(role_changed(5, user_agent=text, details={"note": text, text: 1}))

    answer = await service.person(1, "admin").get("/api/audit/logs/export", params={"format": "csv", "user_id": 1})

    rows = list(csv.reader(io.StringIO(answer.text, newline=""), delimiter=separator))
    assert [cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "-", "@"))] == []


async def test_an_export_is_itself_audited(service: Harness) -> None:
    only: dict[str, Any] = {"user_id": 3, "action_type": "login", "from": "2025-01-01", "to": "2025-01-31"}
    answer = await service.person(7, "admin").get("/api/audit/logs/export", params={"format": "csv"} | only)

    assert answer.status_code == 200

    (event,) = await service.outbox("reporting.audit.recorded.v1")
    assert event["data"]["action"] == "audit_log_exported"
    assert event["data"]["actor_id"] == 7
    days = {"from": "2025-01-01 00:00:00+00:00", "to": "2025-02-01 00:00:00+00:00"}
    assert event["data"]["details"] == {"format": "csv", "user_id": "3", "action_type": "login"} | days


@pytest.mark.parametrize("purged_first", [False, True])
async def test_a_purged_person_is_anonymised_in_the_log_and_the_acts_stay(service: Harness, *, purged_first: bool) -> None:
    themself = Principal(42, Role.TUTOR, origin=Origin("192.0.2.42", "Their browser"))
    names = {"before": {"first_name": "Jane", "role": "student"}, "after": {"first_name": "Janet", "role": "tutor"}}
    acts = [
        AuthAudited.of("user_updated", ADMIN, "user", 42, **names, reason="Jane asked for it"),
        AuthAudited.of("password_changed", themself, "user", 42),
        AuthAudited(action="login_locked", actor_id=None, target_type="user", target_id=42, ip_address="192.0.2.42"),
        ProfilesAudited.of(
            "tutor_rejected", ADMIN, "tutor", 7, before="pending_approval", after="rejected", reason="Jane is no tutor"
        ),
        AuthAudited.of("user_updated", ADMIN, "user", 43, before={"first_name": "Jim"}, after={"first_name": "James"}),
    ]
    purge = [user(42, kind=UserPurged, version=9, purged=True, first_name="Deleted", last_name="user")]
    await service.deliver(tutor(7, user_id=42), *(purge + acts if purged_first else acts + purge))

    entries = {(e["action"], e["target_id"]): e for e in await logs(service)}
    about = entries["user_updated", 42]
    assert about["details"] == {"anonymised": True, "before": {"role": "student"}, "after": {"role": "tutor"}}
    assert (about["user_id"], about["ip_address"]) == (1, "192.168.1.1"), "the administrator's own trace stays"
    assert entries["tutor_rejected", 7]["details"] == {"anonymised": True, "before": "pending_approval", "after": "rejected"}
    assert entries["user_updated", 43]["details"]["after"] == {"first_name": "James"}
    kept = json.dumps([e for key, e in entries.items() if key != ("user_updated", 43)])
    for trace in ("Jane", "192.0.2.42", "Their browser"):
        assert trace not in kept


async def test_a_tutor_whose_account_is_known_late_is_anonymised_then(service: Harness) -> None:
    rejected = ProfilesAudited.of("tutor_rejected", ADMIN, "tutor", 7, after="rejected", reason="Jane is no tutor")
    await service.deliver(rejected, user(42, kind=UserPurged, version=9, purged=True), tutor(7, user_id=42))

    (entry,) = await logs(service)
    assert entry["details"] == {"anonymised": True, "after": "rejected"}


async def test_an_act_and_the_news_of_whose_profile_it_was_see_each_other(service: Harness) -> None:
    rejected = ProfilesAudited.of("tutor_rejected", ADMIN, "tutor", 7, after="rejected", reason="Jane is no tutor")
    await service.deliver(user(42, kind=UserPurged, version=9, purged=True))
    async with service.database.transaction() as tx:
        await record_act(tx, rejected)
        telling = asyncio.create_task(service.deliver(tutor(7, user_id=42)))

        async def is_told_or_waits() -> bool:
            async with service.database.reading() as other:
                return bool(telling.done() or await other.value(WAITING_FOR_LOCKS))

        await eventually(is_told_or_waits)
    await telling

    (entry,) = await logs(service)
    assert entry["details"] == {"anonymised": True, "after": "rejected"}


async def test_whoever_is_purged_during_a_rebuild_is_anonymised(service: Harness) -> None:
    rejected = ProfilesAudited.of("tutor_rejected", ADMIN, "tutor", 7, after="rejected", reason="Jane is no tutor")
    await service.deliver(user(42, "tutor"), tutor(7, user_id=42), rejected)
    async with service.database.transaction() as tx:
        await tx.run(queries.FORGET_ALL)

    await service.deliver(user(42, kind=UserPurged, version=9, purged=True), tutor(7, user_id=42, version=2))

    (entry,) = await logs(service)
    assert entry["details"] == {"anonymised": True, "after": "rejected"}


async def test_an_act_and_a_purge_that_arrive_together_leave_nothing(service: Harness) -> None:
    await service.deliver(*(user(n) for n in range(100, 120)))
    acts = [AuthAudited.of("user_updated", ADMIN, "user", n, before={"first_name": "Jane"}) for n in range(100, 120)]
    purges = [user(n, kind=UserPurged, version=9, purged=True) for n in range(100, 120)]

    await asyncio.gather(*(service.deliver(event) for pair in zip(acts, purges, strict=True) for event in pair))

    entries = await logs(service, page_size=100)
    assert len(entries) == 20
    assert "Jane" not in json.dumps(entries)
