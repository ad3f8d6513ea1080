"""One calendar, written in two ways."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from services.profiles.actions import calendar as actions
from services.profiles.queries import calendar
from shared import auth
from shared.errors import Unavailable
from tests.harness import Harness
from tests.services.profiles.people import Person, registers

WINDOWS, EXCEPTIONS, WEEK = "/api/tutors/availability", "/api/tutors/availability/exceptions", "/api/tutors/me/availability"
TODAY = datetime.now(UTC).date()
SOON = TODAY + timedelta(days=10)


def weekly(day: str = "monday", start: str = "09:00", end: str = "12:00") -> dict[str, Any]:
    return {"day_of_week": day, "start_time": start, "end_time": end}


def dated(day: Any = SOON, start: str = "09:00", end: str = "12:00") -> dict[str, Any]:
    return {"date": str(day), "start_time": start, "end_time": end, "is_recurring": False}


async def told(service: Harness) -> Any:
    """The calendar as others heard of it last."""
    return (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]


@pytest.fixture
async def tutor(service: Harness) -> Person:
    return await registers(service, "tutor", timezone="Europe/Kyiv")


async def test_a_week_is_one_calendar_with_single_windows(service: Harness, tutor: Person) -> None:
    await tutor.call(
        "PUT", WEEK, json={"timezone": "America/New_York", "weekly_schedule": [weekly(), weekly("sunday", "22:00", "24:00")]}
    )
    added = await tutor.call("POST", WINDOWS, 201, json=weekly("tuesday", "14:00", "18:00"))

    listed = await tutor.get(WINDOWS)

    assert [(w["day_of_week"], w["start_time"], w["end_time"]) for w in listed] == [
        ("monday", "09:00", "12:00"),
        ("tuesday", "14:00", "18:00"),
        ("sunday", "22:00", "24:00"),
    ]
    assert added in listed
    assert added["is_recurring"] is True
    assert (await told(service))["timezone"] == "America/New_York"


async def test_a_week_replaces_the_one_before_and_leaves_single_dates(tutor: Person) -> None:
    await tutor.call("POST", WINDOWS, 201, json=weekly("friday"))
    await tutor.call("POST", WINDOWS, 201, json=dated())

    answer = await tutor.call("PUT", WEEK, json={"timezone": "UTC", "weekly_schedule": [weekly("monday")]})

    assert [w["day_of_week"] for w in answer["weekly_schedule"]] == ["monday"]
    assert [(w["day_of_week"], w["date"]) for w in await tutor.get(WINDOWS)] == [
        ("monday", None),
        (SOON.strftime("%A").lower(), str(SOON)),
    ]


async def test_a_new_week_forgets_dates_that_are_over(service: Harness, tutor: Person) -> None:
    await tutor.call("POST", WINDOWS, 201, json=dated())
    async with service.database.transaction() as tx:
        await tx.run("UPDATE windows SET on_date = now() - interval '3 days'")

    await tutor.call("PUT", WEEK, json={"timezone": "UTC", "weekly_schedule": [weekly("monday")]})

    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM windows WHERE on_date IS NOT NULL") == 0


async def test_an_empty_week_clears_the_calendar(tutor: Person) -> None:
    await tutor.call("PUT", WEEK, json={"timezone": "UTC", "weekly_schedule": [weekly()]})

    await tutor.call("PUT", WEEK, json={"timezone": "UTC", "weekly_schedule": []})

    assert await tutor.get(WINDOWS) == []


async def test_the_zone_follows_the_account_until_the_tutor_names_one(tutor: Person) -> None:
    await tutor.changes(timezone="Asia/Tokyo")
    assert (await tutor.profile())["timezone"] == "Asia/Tokyo"

    await tutor.call("PUT", WEEK, json={"timezone": "Europe/Paris", "weekly_schedule": []})
    await tutor.changes(timezone="America/Lima")

    assert (await tutor.profile())["timezone"] == "Europe/Paris"


async def test_events_carry_windows_and_days_off(service: Harness, tutor: Person) -> None:
    await tutor.call("POST", WINDOWS, 201, json=weekly("wednesday", "22:30", "24:00"))
    await tutor.call("POST", WINDOWS, 201, json=dated())
    await tutor.call("POST", EXCEPTIONS, 201, json={"start_date": str(SOON), "start_time": "10:00", "end_time": "24:00"})

    said = await told(service)

    assert said["windows"] == [
        {"weekday": 2, "on": None, "start": "22:30:00", "end": "00:00:00"},
        {"weekday": None, "on": str(SOON), "start": "09:00:00", "end": "12:00:00"},
    ]
    assert said["days_off"] == [{"first": str(SOON), "last": str(SOON), "start": "10:00:00", "end": "00:00:00"}]


@pytest.mark.parametrize(
    ("kept", "added", "status"),
    [
        (weekly(), weekly("monday", "11:59", "13:00"), 409),
        (weekly(), weekly("monday", "08:00", "18:00"), 409),
        (weekly(), weekly(), 409),
        (weekly(), weekly("monday", "12:00", "13:00"), 201),
        (weekly(), weekly("tuesday"), 201),
        (dated(), dated(start="11:00", end="13:00"), 409),
        (dated(), dated(SOON + timedelta(days=7)), 201),
        (weekly(SOON.strftime("%A").lower()), dated(start="11:00", end="13:00"), 201),
    ],
)
async def test_windows_of_one_kind_and_day_may_not_overlap(
    tutor: Person, kept: dict[str, Any], added: dict[str, Any], status: int
) -> None:
    await tutor.call("POST", WINDOWS, 201, json=kept)

    await tutor.call("POST", WINDOWS, status, json=added)


async def test_bulk_adds_all_or_nothing(tutor: Person) -> None:
    slots = [weekly("monday"), weekly("wednesday", "14:00", "17:00"), dated()]
    assert len(await tutor.call("POST", f"{WINDOWS}/bulk", 201, json={"slots": slots})) == 3

    await tutor.call("POST", f"{WINDOWS}/bulk", 409, json={"slots": [weekly("friday"), weekly("monday", "10:00", "11:00")]})

    assert len(await tutor.get(WINDOWS)) == 3


async def test_windows_of_one_request_may_not_overlap(tutor: Person) -> None:
    overlapping = [weekly(), weekly("monday", "11:00", "13:00")]

    await tutor.call("POST", f"{WINDOWS}/bulk", 409, json={"slots": overlapping})
    await tutor.call("PUT", WEEK, 409, json={"timezone": "UTC", "weekly_schedule": overlapping})


@pytest.mark.parametrize(
    "body",
    [
        weekly("someday"),
        weekly(start="12:00", end="12:00"),
        weekly(start="13:00", end="12:00"),
        weekly(end="24:30"),
        weekly(start="9:00"),
        weekly(start="24:00", end="24:00"),
        weekly(start="09:00:30"),
        {"start_time": "09:00", "end_time": "12:00"},
        {"start_time": "09:00", "end_time": "12:00", "is_recurring": False},
        dated() | {"day_of_week": (SOON + timedelta(days=1)).strftime("%A").lower()},
        dated("2026-02-30"),
        dated() | {"is_recurring": True},
        weekly(SOON.strftime("%A").lower()) | {"date": str(SOON)},
        dated(TODAY - timedelta(days=3)),
        dated(TODAY + timedelta(days=800)),
        dated("9999-12-31"),
    ],
)
async def test_impossible_windows_are_refused(tutor: Person, body: dict[str, Any]) -> None:
    await tutor.call("POST", WINDOWS, 422, json=body)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "+02:00", "localtime", "Factory"])
async def test_zones_that_do_not_exist_are_refused(tutor: Person, zone: str) -> None:
    await tutor.call("PUT", WEEK, 422, json={"timezone": zone, "weekly_schedule": []})


async def test_a_window_can_be_deleted_by_its_owner_only(service: Harness, tutor: Person) -> None:
    window = await tutor.call("POST", WINDOWS, 201, json=weekly())
    other = await registers(service, "tutor")

    await other.call("DELETE", f"{WINDOWS}/{window['id']}", 404)
    await tutor.call("DELETE", f"{WINDOWS}/{window['id']}", 204)
    await tutor.call("DELETE", f"{WINDOWS}/{window['id']}", 404)

    assert (await told(service))["windows"] == []


async def test_exceptions_are_listed_and_deleted(service: Harness, tutor: Person) -> None:
    body = {"start_date": str(SOON), "end_date": str(SOON + timedelta(days=3)), "reason": "Holidays"}
    made = await tutor.call("POST", EXCEPTIONS, 201, json=body)

    assert made == {"id": made["id"], "start_time": None, "end_time": None} | body
    assert await tutor.get(EXCEPTIONS) == [made]
    other = await registers(service, "tutor")
    await other.call("DELETE", f"{EXCEPTIONS}/{made['id']}", 404)
    await tutor.call("DELETE", f"{EXCEPTIONS}/{made['id']}", 204)
    assert await tutor.get(EXCEPTIONS) == []


@pytest.mark.parametrize(
    "more",
    [
        {"end_date": str(SOON - timedelta(days=1))},
        {"end_date": str(SOON + timedelta(days=400))},
        {"start_time": "09:00"},
        {"start_time": "12:00", "end_time": "09:00"},
        {"reason": "x" * 501},
        {"start_date": "9999-01-01"},
        {"start_date": "9999-12-31"},
        {"start_date": "0001-01-01"},
        {"start_date": str(TODAY - timedelta(days=9)), "end_date": str(TODAY - timedelta(days=3))},
        {"start_date": str(TODAY + timedelta(days=700)), "end_date": str(TODAY + timedelta(days=800))},
    ],
)
async def test_impossible_exceptions_are_refused(tutor: Person, more: dict[str, Any]) -> None:
    await tutor.call("POST", EXCEPTIONS, 422, json={"start_date": str(SOON)} | more)


async def test_what_is_over_is_neither_listed_nor_told(service: Harness, tutor: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    await tutor.call("POST", WINDOWS, 201, json=dated())
    await tutor.call("POST", EXCEPTIONS, 201, json={"start_date": str(SOON)})
    assert (len((await told(service))["windows"]), len((await told(service))["days_off"])) == (1, 1)

    later = datetime.now(UTC) + timedelta(days=13)
    monkeypatch.setitem(service.app.dependency_overrides, auth._now, lambda: later)

    assert await tutor.get(WINDOWS) == []
    assert await tutor.get(EXCEPTIONS) == []
    await tutor.call("PATCH", "/api/tutors/me/about", json={"headline": "Ten years of calculus"})
    assert ((await told(service))["windows"], (await told(service))["days_off"]) == ([], [])


async def test_days_off_that_have_begun_may_still_be_entered(tutor: Person) -> None:
    body = {"start_date": str(TODAY - timedelta(days=3)), "end_date": str(SOON)}

    await tutor.call("POST", EXCEPTIONS, 201, json=body)


async def test_a_calendar_has_room_for_so_many_windows_however_they_are_written(
    tutor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOST_WINDOWS", 2)
    await tutor.call("POST", WINDOWS, 201, json=dated())
    week = [weekly("monday"), weekly("tuesday")]

    await tutor.call("PUT", WEEK, 409, json={"timezone": "UTC", "weekly_schedule": week})
    await tutor.call("PUT", WEEK, json={"timezone": "UTC", "weekly_schedule": week[:1]})
    await tutor.call("POST", WINDOWS, 409, json=weekly("friday"))


async def test_of_racing_windows_one_is_added(tutor: Person) -> None:
    bodies = [weekly(start=f"09:{minute:02}", end="12:00") for minute in range(8)]

    answers = await asyncio.gather(*(tutor.client.post(WINDOWS, json=body) for body in bodies))

    assert Counter(a.status_code for a in answers) == {201: 1, 409: 7}


async def test_the_database_itself_keeps_windows_apart(service: Harness, tutor: Person) -> None:
    profile = await tutor.profile()

    async def insert() -> None:
        async with service.database.transaction() as tx:
            window = {"weekdays": [0], "dates": [None], "starts": [540], "ends": [600]}
            await tx.run(calendar.ADD, tutor_id=profile["id"], **window)

    results = await asyncio.gather(*(insert() for _ in range(4)), return_exceptions=True)

    refused = [type(r) for r in results if r is not None]
    assert len(refused) == 3
    assert set(refused) <= {psycopg.errors.ExclusionViolation, Unavailable}  # the latter where they waited for each other


async def test_a_repeated_request_with_the_same_key_adds_one_window(tutor: Person) -> None:
    headers = {"Idempotency-Key": "once"}

    first = await tutor.call("POST", WINDOWS, 201, json=weekly(), headers=headers)
    second = await tutor.call("POST", WINDOWS, 201, json=weekly(), headers=headers)

    assert first == second
    assert len(await tutor.get(WINDOWS)) == 1
