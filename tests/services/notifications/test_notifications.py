"""Notifications in the app: one per thing and person, folded, read, deleted; nobody sees another's."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from shared.events.auth import UserChanged, UserPurged, UserSnapshot
from shared.events.bookings import (
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingDeclined,
    BookingExpired,
    BookingReminderDue,
    BookingRequested,
    BookingRescheduled,
    ReviewReceived,
)
from shared.events.notifications import LiveMessagesLogged
from shared.events.profiles import TutorApproved, TutorRejected
from shared.types import format_instant
from tests.harness import Harness
from tests.services.notifications.events import EVE, JANE, JOHN, NOW, account, booking, message
from tests.services.notifications.inbox import listed, logged, told, unread
from tests.services.notifications.mailbox import reset


async def test_a_confirmed_booking_is_told_to_the_student_as_the_reference_shows_it(service: Harness) -> None:
    event = booking()
    await service.deliver(event)

    (told,) = await listed(service, JANE)
    assert told | {"id": 0, "created_at": ""} == {
        "id": 0,
        "type": "booking_confirmed",
        "title": "Booking Confirmed",
        "message": "Your session with John Tutor is confirmed",
        "is_read": False,
        "created_at": "",
        "data": {"booking_id": 123, "status": "CONFIRMED", "start_at": told["data"]["start_at"]},
    }
    assert await listed(service, JOHN) == []


@pytest.mark.parametrize(
    ("kind", "by", "to_student", "to_tutor"),
    [
        (BookingRequested, "student", None, "booking_requested"),
        (BookingConfirmed, "tutor", "booking_confirmed", None),
        (BookingDeclined, "tutor", "booking_declined", None),
        (BookingCancelled, "student", None, "booking_cancelled"),
        (BookingCancelled, "tutor", "booking_cancelled", None),
        (BookingCancelled, "admin", "booking_cancelled", "booking_cancelled"),
        (BookingExpired, "system", "booking_expired", "booking_expired"),
        (BookingCompleted, "system", "booking_completed", "booking_completed"),
        (BookingRescheduled, "student", None, "booking_rescheduled"),
    ],
)
async def test_whoever_did_it_is_not_told(
    service: Harness, kind: type[Any], by: str, to_student: str | None, to_tutor: str | None
) -> None:
    await service.deliver(booking(kind, by=by))

    assert [n["type"] for n in await listed(service, JANE)] == ([to_student] if to_student else [])
    assert [n["type"] for n in await listed(service, JOHN)] == ([to_tutor] if to_tutor else [])


async def test_a_reminder_is_told_to_both_whoever_moved_the_booking_last(service: Harness) -> None:
    await service.deliver(booking(BookingReminderDue, status="CONFIRMED", hours=1))

    for user_id in (JANE, JOHN):
        (told,) = await listed(service, user_id)
        assert told["type"] == "booking_reminder"
        assert told["message"].endswith("starts in 1 hour")


async def test_other_things_are_told_to_whom_they_concern(service: Harness) -> None:
    review: dict[str, Any] = {
        "review_id": 1,
        "version": 1,
        "booking_id": 9,
        "tutor_id": 5,
        "tutor_user_id": JOHN,
        "student_id": JANE,
        "rating": 5,
    }
    await service.deliver(
        TutorRejected(tutor_id=5, user_id=JOHN, by=1, reason="No picture"),
        TutorApproved(tutor_id=5, user_id=JOHN, by=1),
        ReviewReceived(**review),
        ReviewReceived(**review, edited=True),
        ReviewReceived(**review, responded=True),
    )

    assert [n["type"] for n in await listed(service, JOHN)] == ["review_received", "tutor_approved", "tutor_rejected"]
    assert [n["type"] for n in await listed(service, JANE)] == ["review_response"]


async def test_pages_are_newest_first_and_end(service: Harness) -> None:
    for number in range(1, 6):
        await service.deliver(booking(booking_id=number))

    ids = [[n["data"]["booking_id"] for n in await listed(service, JANE, page=page, page_size=2)] for page in (1, 2, 3, 4)]
    assert ids == [[5, 4], [3, 2], [1], []]


@pytest.mark.parametrize("query", [{"page": 0}, {"page_size": 0}, {"page_size": 101}, {"unread_only": "maybe"}])
async def test_impossible_pages_are_refused(service: Harness, query: dict[str, Any]) -> None:
    async with service.person(JANE) as jane:
        assert (await jane.get("/api/notifications", params=query)).status_code == 422


async def test_reading_and_deleting(service: Harness) -> None:
    await service.deliver(booking(booking_id=1), booking(booking_id=2), booking(booking_id=3))
    first, second, third = await listed(service, JANE)

    async with service.person(JANE) as jane:
        read = await jane.patch(f"/api/notifications/{first['id']}/read")
        assert (read.status_code, read.json()) == (200, first | {"is_read": True})
        assert [n["id"] for n in await listed(service, JANE, unread_only=True)] == [second["id"], third["id"]]

        gone = await jane.delete(f"/api/notifications/{second['id']}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await jane.delete(f"/api/notifications/{second['id']}")).status_code == 404

        everything = await jane.patch("/api/notifications/mark-all-read")
        assert (everything.status_code, everything.json()["updated"]) == (200, 1)
    assert await unread(service, JANE) == 0
    assert len(await listed(service, JANE)) == 2


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/{id}/read"), ("DELETE", "/{id}")])
async def test_anothers_notification_does_not_exist(service: Harness, method: str, path: str) -> None:
    await service.deliver(booking())
    (mine,) = await listed(service, JANE)

    for role in ("student", "tutor", "admin"):
        async with service.person(EVE, role) as eve:
            answer = await eve.request(method, f"/api/notifications{path.format(id=mine['id'])}")
        assert (answer.status_code, answer.json()["code"]) == (404, "notification_not_found")
    async with service.person(EVE, "admin") as eve:
        assert (await eve.get("/api/notifications")).json() == []
        await eve.patch("/api/notifications/mark-all-read")
    assert await unread(service, JANE) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/unread-count"),
        ("PATCH", "/mark-all-read"),
        ("PATCH", "/1/read"),
        ("DELETE", "/1"),
    ],
)
async def test_strangers_are_asked_to_sign_in(service: Harness, method: str, path: str) -> None:
    async with service.client() as nobody:
        answer = await nobody.request(method, f"/api/notifications{path}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**63)])
async def test_an_impossible_id_is_422(service: Harness, number: str) -> None:
    async with service.person(JANE) as jane:
        assert (await jane.patch(f"/api/notifications/{number}/read")).status_code == 422


async def test_an_event_is_told_to_the_sockets_in_the_order_of_its_numbers(service: Harness) -> None:
    await service.deliver(message(JOHN, JANE), message(JANE, JOHN))

    said = [event["data"]["entries"] for event in await service.outbox(LiveMessagesLogged.type)]
    of_jane = [(e["event_id"], e["body"]) for entries in said for e in entries if e["user_id"] == JANE]
    assert [number for number, _ in of_jane] == [1, 2, 3]
    assert ['"new_message"' in of_jane[0][1], '"notification"' in of_jane[1][1], '"message_sent"' in of_jane[2][1]] == [True] * 3


async def test_a_closed_and_a_restored_account_are_told(service: Harness) -> None:
    await service.deliver(account(JANE, version=1))
    await service.deliver(account(JANE, UserChanged, version=2, is_active=False))
    await service.deliver(account(JANE, UserChanged, version=3, last_name="Roe", is_active=False))
    await service.deliver(account(JANE, UserChanged, version=4))

    assert [n["type"] for n in await listed(service, JANE)] == ["account_restored", "account_deactivated"]


async def test_older_news_of_an_account_changes_nothing(service: Harness) -> None:
    await service.deliver(account(JANE, version=3))
    await service.deliver(account(JANE, UserChanged, version=2, is_active=False))

    assert await listed(service, JANE) == []


@pytest.mark.parametrize("news", [UserPurged, UserSnapshot, UserChanged])
async def test_a_purged_account_leaves_nothing_behind(
    service: Harness, news: type[UserPurged | UserSnapshot | UserChanged]
) -> None:
    await service.deliver(account(JANE), account(JOHN), booking(), message(JOHN, JANE), message(JANE, JOHN))
    await service.deliver(booking(BookingRequested, by="student"))
    await service.deliver(account(JANE, news, version=2, is_active=False, purged=True, first_name="Deleted", email="x@y.org"))

    assert await listed(service, JANE) == []
    assert [n["message"] for n in await listed(service, JOHN)] == [
        "Deleted user asks for a Mathematics session",
        "New message from Deleted user",
    ]
    async with service.database.reading() as tx:
        for table in ("deliveries", "live_messages"):
            assert await tx.value(f"SELECT count(*) FROM {table} WHERE user_id = {JANE}") == 0
        assert await tx.value("SELECT count(*) FROM live_messages WHERE strpos(body, 'person11@') > 0") == 0
        assert await tx.value("SELECT count(*) FROM threads WHERE user_id = 11 OR other_id = 11") == 0


async def test_what_a_purged_person_wrote_is_not_kept_either(service: Harness) -> None:
    await service.deliver(account(JANE, first_name="Session"), account(JOHN))
    reasons = {"student": "Jane here, ring me on +380501234567", "admin": "Jane asked us to"}
    for number, by in enumerate(reasons):
        declined = booking(BookingCancelled, booking_id=number, by=by, reason=reasons[by], student_name="on")
        await service.deliver(declined)
    await service.deliver(account(JANE, UserPurged, version=2, is_active=False, purged=True))

    assert sorted(n["message"] for n in await listed(service, JOHN)) == [
        "Your session with Deleted user was cancelled",
        "Your session with Deleted user was cancelled: Jane asked us to",
    ]


async def test_late_news_of_a_purged_account_is_kept_without_a_name(service: Harness) -> None:
    await service.deliver(account(JANE, UserPurged, is_active=False, purged=True))
    await service.deliver(booking(), booking(BookingRequested, by="student"))

    assert await listed(service, JANE) == []
    assert [n["message"] for n in await listed(service, JOHN)] == ["Deleted user asks for a Mathematics session"]


async def test_a_late_message_of_a_purged_account_comes_from_nobody(service: Harness) -> None:
    await service.deliver(account(JOHN, UserPurged, is_active=False, purged=True))
    await service.deliver(message(JOHN, JANE))

    (shown,) = [m for m in await told(service) if m["type"] == "new_message"]
    assert (shown["message"], shown["sender_name"], shown["sender_email"]) == ("Hello!", "Deleted user", "")


async def test_no_address_of_a_purged_account_is_kept(service: Harness) -> None:
    await service.deliver(account(JANE, UserPurged, is_active=False, purged=True))
    await service.deliver(reset(email="jane.real@example.com"))

    async with service.database.reading() as tx:
        assert await tx.value("SELECT count(*) FROM deliveries") == 0


async def test_an_older_move_of_a_booking_is_not_told_to_the_sockets(service: Harness) -> None:
    confirmed, cancelled = booking(BookingConfirmed), booking(BookingCancelled, by="student")
    await service.deliver(cancelled, confirmed)

    assert [m["status"] for m in await logged(service, JANE) if m["type"] == "booking_update"] == ["CANCELLED"]
    assert [n["type"] for n in await listed(service, JANE)] == ["booking_confirmed"], "the list has everything that happened"


async def test_racing_moves_of_a_booking_end_on_the_sockets_with_the_last(service: Harness) -> None:
    moves = [booking(BookingRescheduled, by="student", start_at=NOW + timedelta(days=n)) for n in range(1, 21)]
    await asyncio.gather(*(service.deliver(move) for move in random.Random(3).sample(moves, 20)))

    shown = [m["start_at"] for m in await logged(service, JANE) if m["type"] == "booking_update"]
    assert shown == sorted(set(shown))
    assert shown[-1] == format_instant(moves[-1].start_at)


async def test_other_devices_hear_of_what_was_read_and_deleted(service: Harness) -> None:
    await service.deliver(booking(booking_id=1), booking(booking_id=2))
    first, second = await listed(service, JANE)
    async with service.person(JANE) as jane:
        for _ in range(2):
            await jane.patch(f"/api/notifications/{first['id']}/read")
            await jane.patch("/api/notifications/mark-all-read")
        await jane.delete(f"/api/notifications/{second['id']}")

    assert [m for m in await told(service) if m["type"].startswith("notification_")] == [
        {"type": "notification_read", "notification_id": first["id"]},
        {"type": "notification_read", "notification_id": None},
        {"type": "notification_deleted", "notification_id": second["id"]},
    ]


async def test_two_changes_at_once_tell_of_a_closed_account_once(service: Harness) -> None:
    for number in range(10):
        await service.deliver(account(JANE, UserChanged, version=10 * number + 1))
        closed = [account(JANE, UserChanged, version=10 * number + n, is_active=False) for n in (2, 3)]
        await asyncio.gather(*(service.deliver(event) for event in closed))
    assert [n["type"] for n in await listed(service, JANE, page_size=100)].count("account_deactivated") == 10
