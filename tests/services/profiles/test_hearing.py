"""What others say: old news is ignored, repeated news has no effect (`deliver` gives each event twice)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.profiles.jobs import resync
from shared.events import bookings
from shared.events.auth import UserSnapshot
from shared.events.bookings import (
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingDeclined,
    BookingExpired,
    BookingNoShow,
    BookingRequested,
    BookingSnapshot,
    RatingChanged,
)
from shared.events.notifications import PresenceChanged
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.profiles.people import Person, account, approved, found, registers

NOW = datetime.now(UTC)


def booking(tutor: Person, student: Person, version: int, status: bookings.Status, **fields: Any) -> dict[str, Any]:
    return {
        "booking_id": 7,
        "version": version,
        "status": status,
        "student_id": student.user_id,
        "tutor_user_id": tutor.user_id,
        "tutor_id": tutor.tutor_id,
        "student_name": "S",
        "tutor_name": "T",
        "subject_id": None,
        "subject_name": None,
        "start_at": NOW,
        "end_at": NOW,
        "lesson_type": "online",
        "price": Decimal(45),
        "currency": "USD",
        "by": "tutor",
        "created_at": NOW - timedelta(hours=2),
    } | fields


async def statistics(student: Person, tutor: Person) -> Any:
    return (await student.get(f"/api/tutors/{tutor.tutor_id}"))["response_statistics"]


async def card(service: Harness, tutor: Person) -> Any:
    return (await service.client().get(f"/api/tutors/{tutor.tutor_id}/public")).json()


async def test_names_and_pictures_follow_the_account(service: Harness) -> None:
    tutor = await approved(service)

    await tutor.changes(first_name="Renamed", avatar_url="http://localhost:8000/api/avatars/new.webp")

    assert (await card(service, tutor))["name"].startswith("Renamed ")
    assert (await card(service, tutor))["avatar_url"].endswith("/new.webp")
    assert await found(service.client(), search="renamed") == [tutor.tutor_id]
    assert (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]["name"].startswith("Renamed ")


async def test_an_older_state_of_an_account_is_ignored(service: Harness) -> None:
    tutor = await approved(service)
    tutor.version = 5
    await tutor.changes(first_name="Newest")

    tutor.version = 2
    await tutor.changes(first_name="Older", is_active=False)

    assert (await card(service, tutor))["name"].startswith("Newest ")


@pytest.mark.parametrize("fields", [{"is_active": False}, {"deleted_at": NOW}, {"role": "student"}])
async def test_who_may_not_teach_any_more_vanishes_and_comes_back(service: Harness, fields: dict[str, Any]) -> None:
    tutor, viewer = await approved(service), await registers(service)

    await tutor.changes(**fields)

    assert await found(service.client()) == []
    await viewer.get(f"/api/tutors/{tutor.tutor_id}", 404)
    await viewer.get(f"/api/tutors/{tutor.tutor_id}/public", 404)
    assert (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]["is_active"] is False
    await tutor.changes(role="tutor")
    assert await found(service.client()) == [tutor.tutor_id]


async def test_ratings_follow_reviews_and_order_the_search(service: Harness) -> None:
    worse, better = await approved(service), await approved(service)
    rate: dict[str, Any] = {"average_rating": Decimal("4.8"), "total_reviews": 42}
    await service.deliver(RatingChanged(tutor_id=better.tutor_id, version=3, **rate))
    await service.deliver(RatingChanged(tutor_id=worse.tutor_id, version=1, average_rating=Decimal("4.8"), total_reviews=2))

    await service.deliver(RatingChanged(tutor_id=better.tutor_id, version=2, average_rating=Decimal(1), total_reviews=1))

    assert ((await card(service, better))["average_rating"], (await card(service, better))["total_reviews"]) == (4.8, 42)
    assert await found(service.client()) == [better.tutor_id, worse.tutor_id]


async def test_a_rating_stays_when_the_profile_changes(service: Harness) -> None:
    tutor, other = await approved(service), await approved(service)
    await service.deliver(RatingChanged(tutor_id=tutor.tutor_id, version=1, average_rating=Decimal("3.5"), total_reviews=1))

    await tutor.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 99})

    assert await found(service.client()) == [tutor.tutor_id, other.tutor_id]


async def test_when_all_reviews_are_gone_so_is_the_rating(service: Harness) -> None:
    tutor = await approved(service)

    await service.deliver(RatingChanged(tutor_id=tutor.tutor_id, version=1, average_rating=None, total_reviews=0))

    assert (await card(service, tutor))["average_rating"] == 0


async def test_who_has_a_live_connection_is_online(service: Harness) -> None:
    tutor = await approved(service)

    await service.deliver(PresenceChanged(user_id=tutor.user_id, version=2, is_online=True))
    await service.deliver(PresenceChanged(user_id=tutor.user_id, version=1, is_online=False))
    assert (await card(service, tutor))["is_online"] is True

    await service.deliver(PresenceChanged(user_id=tutor.user_id, version=3, is_online=False))
    assert (await card(service, tutor))["is_online"] is False


async def test_completed_lessons_are_counted_and_missed_ones_are_not(service: Harness) -> None:
    tutor, student = await approved(service), await registers(service)

    async def sessions() -> tuple[int, int]:
        detail = await student.get(f"/api/tutors/{tutor.tutor_id}")
        return (await student.get("/api/profile/student/me"))["total_sessions"], detail["total_sessions"]

    await service.deliver(BookingCompleted(**booking(tutor, student, 3, "COMPLETED")))
    await service.deliver(BookingRequested(**booking(tutor, student, 1, "PENDING")))
    assert await sessions() == (1, 1)

    await service.deliver(BookingNoShow(**booking(tutor, student, 4, "NO_SHOW_STUDENT")))
    assert await sessions() == (0, 0)


async def test_answers_are_counted_in_whatever_order_they_arrive(service: Harness) -> None:
    tutor, student = await approved(service), await registers(service)
    confirmed = BookingConfirmed(**booking(tutor, student, 2, "CONFIRMED"), occurred_at=NOW - timedelta(hours=1))
    ignored = BookingExpired(**booking(tutor, student, 2, "EXPIRED", booking_id=8, by="system"))

    await service.deliver(BookingCompleted(**booking(tutor, student, 3, "COMPLETED")), confirmed, ignored)

    assert await statistics(student, tutor) == {"response_rate": 0.5, "response_time_minutes": 60}


async def test_what_waits_or_was_withdrawn_says_nothing_of_the_tutor(service: Harness) -> None:
    tutor, student = await approved(service), await registers(service)
    withdrawn = BookingCancelled(**booking(tutor, student, 2, "CANCELLED", booking_id=8, by="student"))
    await service.deliver(BookingRequested(**booking(tutor, student, 1, "PENDING")), withdrawn)
    assert await statistics(student, tutor) == {"response_rate": None, "response_time_minutes": None}

    declined = BookingDeclined(**booking(tutor, student, 2, "DECLINED", booking_id=9), occurred_at=NOW)
    await service.deliver(declined)
    assert await statistics(student, tutor) == {"response_rate": 1.0, "response_time_minutes": 120}


async def test_an_answer_that_was_missed_is_learnt_from_a_snapshot(service: Harness) -> None:
    tutor, student = await approved(service), await registers(service)
    await service.deliver(BookingSnapshot(**booking(tutor, student, 3, "COMPLETED")))
    assert await statistics(student, tutor) == {"response_rate": None, "response_time_minutes": None}

    known = booking(tutor, student, 3, "COMPLETED", answered_at=NOW - timedelta(hours=1))
    await service.deliver(BookingSnapshot(**known))
    await service.deliver(BookingSnapshot(**booking(tutor, student, 2, "CONFIRMED")))
    assert await statistics(student, tutor) == {"response_rate": 1.0, "response_time_minutes": 60}


async def test_a_snapshot_overwrites_what_is_wrong_of_the_same_version(service: Harness) -> None:
    tutor, student = await approved(service), await registers(service)
    said = BookingSnapshot(**booking(tutor, student, 3, "COMPLETED", answered_at=NOW))
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO lessons (booking_id, version, tutor_id, student_id, status, requested_at, answered_at)
            VALUES (%(booking_id)s, 3, 1000, 1001, 'EXPIRED', now(), '2020-01-01')""",
            booking_id=said.booking_id,
        )

    await service.deliver(said)

    async with service.database.reading() as tx:
        (kept,) = await tx.rows("SELECT version, tutor_id, student_id, status, requested_at, answered_at FROM lessons")
    whole = {"version": 3, "tutor_id": said.tutor_id, "student_id": said.student_id, "status": "COMPLETED"}
    assert kept == whole | {"requested_at": said.created_at, "answered_at": said.answered_at}


async def test_a_resync_says_everything_again_without_changing_it(service: Harness) -> None:
    tutor = await approved(service)
    before = (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]

    await resync(Runtime(service.app.state.settings, service.database))

    assert [e["data"] for e in await service.outbox("profiles.tutor.snapshotted.v1")] == [before]
    assert await found(service.client()) == [tutor.tutor_id]


async def test_a_snapshot_of_an_account_makes_the_profile_too(service: Harness) -> None:
    await service.deliver(UserSnapshot(**account(77, "tutor", 4)))

    assert (await Person(service, 77, "tutor").profile())["user_id"] == 77


@pytest.mark.parametrize("is_said", [True, False])
async def test_a_replica_that_was_distrusted_takes_the_same_version_again(service: Harness, is_said: bool) -> None:
    """Whoever asks says which version that is, or is of the release before."""
    tutor = await approved(service, first_name="True")
    async with service.database.transaction() as tx:
        await tx.run("UPDATE accounts SET first_name = 'Wrong'")
    asked: dict[str, Any] = {"outdated": [tutor.user_id], "unknown": [tutor.user_id]}
    asked |= {"versions": {tutor.user_id: tutor.version}} if is_said else {}
    path = "/internal/integrity/replicas/user/distrust"
    assert (await service.internal().post(path, json=asked)).status_code == 204

    await service.deliver(UserSnapshot(**account(tutor.user_id, "tutor", tutor.version, first_name="True")))

    assert (await card(service, tutor))["name"].startswith("True ")


async def test_a_rating_that_its_owner_does_not_know_orders_no_search_any_more(service: Harness) -> None:
    tutor, better = await approved(service, headline="galaxy"), await approved(service, headline="galaxy")
    rate: dict[str, Any] = {"version": 1, "total_reviews": 1}
    await service.deliver(RatingChanged(tutor_id=tutor.tutor_id, average_rating=Decimal(4), **rate))
    await service.deliver(RatingChanged(tutor_id=better.tutor_id, average_rating=Decimal(5), **rate))
    assert await found(service.client()) == [better.tutor_id, tutor.tutor_id]

    path = "/internal/integrity/replicas/rating/distrust"
    assert (await service.internal().post(path, json={"unknown": [better.tutor_id]})).status_code == 204

    items = (await service.client().get("/api/tutors")).json()["items"]
    assert [(item["id"], item["average_rating"]) for item in items] == [(tutor.tutor_id, 4), (better.tutor_id, 0)]


async def test_what_an_owner_says_again_is_the_newest_state(service: Harness) -> None:
    tutor = await approved(service)
    before = (await service.outbox("profiles.tutor.changed.v1"))[-1]["data"]

    for entity, ids in (("tutor", [tutor.tutor_id]), ("subject", [before["subjects"][0]["id"]])):
        assert (await service.internal().post(f"/internal/integrity/owned/{entity}/resend", json={"ids": ids})).status_code == 204
        rows = await service.internal().post(f"/internal/integrity/owned/{entity}/rows", json={"ids": ids})
        assert [row["id"] for row in rows.json()] == ids

    assert [e["data"] for e in await service.outbox("profiles.tutor.snapshotted.v1")] == [before]
    assert [e["data"]["version"] for e in await service.outbox("profiles.subject.changed.v1")] == [1, 1]
