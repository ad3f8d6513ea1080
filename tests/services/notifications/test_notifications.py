"""Notifications in the app: one per thing and person, folded, read, deleted; nobody sees another's."""

import asyncio
import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifications import actions, conversations, live, queries
from services.notifications.app import forget_live
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
from shared.events.messaging import BlockChanged, MessageDelivered, MessageEdited, MessagesRead
from shared.events.notifications import LiveMessagesLogged
from shared.events.profiles import TutorApproved, TutorRejected
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.notifications.events import EVE, JANE, JOHN, NOW, account, booking, message
from tests.waiting import eventually

MANY_EDITS = """
INSERT INTO edits (message_id, sender_id, edited_at, noted_at)
SELECT n, 1, now(), now() - CASE WHEN n < 6000 THEN interval '9 days' ELSE interval '7 days' END FROM generate_series(1, 6000) n
"""
WAITING_FOR_LOCKS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
TABLES = """
SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r'
"""


async def listed(service: Harness, user_id: int, **query: Any) -> list[dict[str, Any]]:
    async with service.person(user_id) as person:
        answer = await person.get("/api/notifications", params=query)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()
    return found


async def unread(service: Harness, user_id: int) -> int:
    async with service.person(user_id) as person:
        count: int = (await person.get("/api/notifications/unread-count")).json()["unread_count"]
    return count


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
    more = {"previous_start_at": NOW} if kind is BookingRescheduled else {}
    await service.deliver(booking(kind, by=by, **more))

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


async def test_messages_of_a_thread_are_one_notification_until_it_is_read(service: Harness) -> None:
    await service.deliver(message(), message(), message(EVE, JANE, sender_name="100% {other} Eve"), message())

    told = await listed(service, JANE)
    assert [n["message"] for n in told] == ["3 new messages from John Tutor", "New message from 100% {other} Eve"]
    assert told[0]["data"]["count"] == 3
    assert await unread(service, JANE) == 2

    async with service.person(JANE) as jane:
        await jane.patch(f"/api/notifications/{told[0]['id']}/read")
    await service.deliver(message())
    assert [n["message"] for n in await listed(service, JANE, unread_only=True)] == [
        "New message from John Tutor",
        "New message from 100% {other} Eve",
    ]


async def test_reading_the_thread_reads_its_notification(service: Harness) -> None:
    first, second = message(), message()
    await service.deliver(first, second)

    await service.deliver(MessagesRead(reader_id=JANE, other_user_id=JOHN, message_ids=[first.message_id], read_at=NOW))
    assert await unread(service, JANE) == 1

    await service.deliver(MessagesRead(reader_id=JANE, other_user_id=JOHN, message_ids=[second.message_id], read_at=NOW))
    assert await unread(service, JANE) == 0


async def test_a_message_that_was_read_before_its_event_came_is_not_told(service: Harness) -> None:
    event = message()
    await service.deliver(MessagesRead(reader_id=JANE, other_user_id=JOHN, message_ids=[event.message_id], read_at=NOW))
    await service.deliver(event)

    assert await listed(service, JANE) == []


async def test_a_message_and_the_news_that_it_was_read_may_race(service: Harness) -> None:
    for _ in range(20):
        event = message()
        news = MessagesRead(reader_id=JANE, other_user_id=JOHN, message_ids=[event.message_id], read_at=NOW)
        await asyncio.gather(service.deliver(event), service.deliver(news))
        assert await unread(service, JANE) == 0


async def test_the_words_of_a_message_are_in_no_notification(service: Harness) -> None:
    await service.deliver(message(message="My secret"))

    assert "secret" not in str(await listed(service, JANE))


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


async def test_late_news_of_a_purged_account_is_kept_without_a_name(service: Harness) -> None:
    await service.deliver(account(JANE, UserPurged, is_active=False, purged=True))
    await service.deliver(booking(), booking(BookingRequested, by="student"))

    assert await listed(service, JANE) == []
    assert [n["message"] for n in await listed(service, JOHN)] == ["Deleted user asks for a Mathematics session"]


def edited(sent: MessageDelivered, text: str | None, at: datetime = NOW, read_up_to: int | None = None) -> MessageEdited:
    return MessageEdited(
        message_id=sent.message_id,
        sender_id=sent.sender_id,
        recipient_id=sent.recipient_id,
        message=text,
        edited_at=at,
        read_up_to=read_up_to,
    )


async def told(service: Harness) -> list[dict[str, Any]]:
    """What the sockets of everybody were told."""
    said = await service.outbox(LiveMessagesLogged.type)
    return [json.loads(entry["body"]) for event in said for entry in event["data"]["entries"]]


async def test_an_edited_message_is_no_news_and_a_deleted_one_takes_its_notification_along(service: Harness) -> None:
    sent = message()
    await service.deliver(sent, edited(sent, "Hi"))
    assert len(await listed(service, JANE)) == 1

    await service.deliver(edited(sent, None))

    assert await listed(service, JANE) == []
    kinds = [m["type"] for m in await told(service)]
    assert kinds[-5:] == ["message_edited", "message_edited", "message_deleted", "message_deleted", "notification_deleted"]


async def test_a_deleted_message_is_taken_off_the_count_of_its_thread(service: Harness) -> None:
    first, second = message(), message()
    await service.deliver(first, second, edited(second, None))

    (shown,) = await listed(service, JANE)
    assert (shown["message"], shown["data"]["count"]) == ("New message from John Tutor", 1)

    news = MessagesRead(reader_id=JANE, other_user_id=JOHN, message_ids=[first.message_id], read_at=NOW)
    await service.deliver(news.model_copy(update={"read_up_to": second.message_id}))
    assert await unread(service, JANE) == 0


async def test_a_deletion_takes_nothing_off_a_notification_that_did_not_count_the_message(service: Harness) -> None:
    first, second = message(), message()
    await service.deliver(first)
    async with service.person(JANE) as jane:
        await jane.patch("/api/notifications/mark-all-read")
    await service.deliver(second, edited(first, None))

    assert [n["message"] for n in await listed(service, JANE, unread_only=True)] == ["New message from John Tutor"]


@pytest.mark.parametrize("is_counted", [True, False])
async def test_the_last_unread_message_takes_the_notification_of_those_that_were_read_along(
    service: Harness, is_counted: bool
) -> None:
    first, second = message(), message()
    await service.deliver(first)
    if not is_counted:
        async with service.person(JANE) as jane:
            await jane.patch("/api/notifications/mark-all-read")
    await service.deliver(second)
    assert await unread(service, JANE) == 1

    await service.deliver(edited(first, None, read_up_to=second.message_id))

    assert await unread(service, JANE) == 0


async def test_a_message_that_came_after_the_last_unread_was_deleted_stays_told(service: Harness) -> None:
    first, second = message(), message()
    await service.deliver(first, second, edited(first, None, read_up_to=first.message_id))

    assert [n["message"] for n in await listed(service, JANE)] == ["New message from John Tutor"]


async def test_a_message_whose_deletion_came_first_is_never_told(service: Harness) -> None:
    sent = message(message="Regretted")
    await service.deliver(edited(sent, None), sent)

    assert await listed(service, JANE) == []
    assert {m["type"] for m in await told(service)} == {"message_deleted"}


async def test_edits_that_overtake_each_other_or_the_message_end_with_the_last(service: Harness) -> None:
    sent = message(message="One")
    await service.deliver(edited(sent, "Three", NOW + timedelta(seconds=2)), edited(sent, "Two", NOW), sent)

    assert {m["message"] for m in await told(service) if "message_id" in m} == {"Three"}


@pytest.mark.parametrize("text", ["New words", None])
async def test_the_log_has_only_what_a_message_says_now(service: Harness, text: str | None) -> None:
    sent = message(message="Regretted", attachment_id=3, attachment_name="Regretted.pdf" if text is None else "a.pdf")
    other = message(message="Another")
    await service.deliver(sent, edited(sent, "Regretted too"), other, edited(sent, text, NOW + timedelta(seconds=1)))

    async with service.database.reading() as tx:
        bodies = [row["body"] for row in await tx.rows("SELECT body FROM live_messages ORDER BY event_id")]
        tables = [row["name"] for row in await tx.rows(TABLES)]
        for table in set(tables) - {"outbox"}:  # what was said is gone when it was heard
            assert await tx.value(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, 'Regretted') > 0") == 0, table
    assert {m["message"] for m in map(json.loads, bodies) if m["type"] == "new_message"} == {text or "", "Another"}


async def test_messages_of_two_people_are_told_in_the_order_they_were_written(service: Harness) -> None:
    one, two, three = (message(message=str(n), position=n) for n in (1, 2, 3))
    await service.deliver(two, three)
    assert await told(service) == []

    await service.deliver(one)
    assert [m["message"] for m in await told(service) if m["type"] == "new_message"] == ["1", "2", "3"]
    (shown,) = await listed(service, JANE)
    assert shown["data"]["count"] == 3


async def test_racing_messages_of_two_people_are_told_in_order(service: Harness) -> None:
    events = [message(*((JOHN, JANE) if n % 2 else (JANE, JOHN)), message=str(n), position=n) for n in range(1, 21)]
    await asyncio.gather(*(service.deliver(event) for event in random.Random(3).sample(events, 20)))

    async with service.database.reading() as tx:
        rows = await tx.rows("SELECT body FROM live_messages WHERE user_id = 11 ORDER BY event_id")
    texts = [m["message"] for m in map(json.loads, (row["body"] for row in rows)) if m["type"] in ("new_message", "message_sent")]
    assert texts == [str(n) for n in range(1, 21)]


async def test_a_message_that_never_comes_keeps_the_others_only_for_a_while(service: Harness) -> None:
    two, four = message(message="2", position=2), message(message="4", position=4)
    await service.deliver(four, two)
    await conversations.tell_early(service.database)
    assert await told(service) == []

    async with service.database.transaction() as tx:
        await tx.run("UPDATE early_messages SET held_at = held_at - interval '1 minute'")
    await conversations.tell_early(service.database)

    assert [m["message"] for m in await told(service) if m["type"] == "new_message"] == ["2", "4"]
    await service.deliver(message(message="5", position=5))
    assert (await told(service))[-3]["message"] == "5"


async def waiting_for_locks(service: Harness) -> int:
    async with service.database.reading() as tx:
        count: int = await tx.value(WAITING_FOR_LOCKS)
    return count


async def test_two_workers_tell_nothing_before_its_time(service: Harness) -> None:
    two, four = message(message="2", position=2), message(message="4", position=4)
    await service.deliver(two, four)
    async with service.database.transaction() as tx:
        await tx.run("UPDATE early_messages SET held_at = held_at - interval '1 minute' WHERE position = 2")

    async with service.database.transaction() as tx:
        await tx.run("SELECT FROM threads FOR UPDATE")
        workers = [asyncio.create_task(conversations.tell_early(service.database)) for _ in range(2)]
        await eventually(lambda: both_wait(service))
    await asyncio.gather(*workers)

    assert [m["message"] for m in await told(service) if m["type"] == "new_message"] == ["2"]


async def both_wait(service: Harness) -> bool:
    return await waiting_for_locks(service) == 2


async def test_messages_of_both_people_are_told_while_one_of_them_reads_all_notifications(service: Harness) -> None:
    one, two, three = message(JANE, JOHN, position=1), message(position=2), message(JANE, JOHN, position=3)
    await service.deliver(one, three)

    async with service.database.transaction() as tx:
        await tx.run(queries.READ_ALL, user_id=JOHN)
        telling = asyncio.create_task(service.deliver(two))
        await eventually(lambda: waiting_for_locks(service))
        await live.append(tx, [actions.is_read(JOHN, None)])
    await telling

    assert [n["is_read"] for n in await listed(service, JOHN)] == [False, True]


async def test_edits_are_forgotten_after_eight_days_however_many(service: Harness) -> None:
    async with service.database.transaction() as tx:
        await tx.run(MANY_EDITS)
    await forget_live(Runtime(service.app.state.settings, service.database))

    async with service.database.reading() as tx:
        assert await tx.rows("SELECT message_id FROM edits") == [{"message_id": 6000}]


async def test_a_thread_from_before_messages_were_numbered_goes_on_at_once(service: Harness) -> None:
    await service.deliver(message())
    async with service.database.transaction() as tx:
        await tx.run("UPDATE threads SET told = NULL")
    await service.deliver(message(message="57", position=57), message(message="58", position=58))

    assert [m["message"] for m in await told(service) if m["type"] == "new_message"] == ["Hello!", "57", "58"]


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


async def test_marks_of_reading_are_not_told_to_somebody_blocked_until_the_block_is_lifted(service: Harness) -> None:
    sent = message()
    await service.deliver(sent)
    heard: list[set[int]] = []
    for number, is_blocked in enumerate((True, False)):
        at = NOW + timedelta(seconds=number)
        await service.deliver(BlockChanged(blocker_id=JANE, blocked_id=JOHN, is_blocked=is_blocked, changed_at=at))
        await service.deliver(BlockChanged(blocker_id=JANE, blocked_id=JOHN, is_blocked=True, changed_at=NOW))  # old news
        await service.deliver(MessagesRead(reader_id=JANE, other_user_id=JOHN, message_ids=[sent.message_id], read_at=NOW))
        (*_, said) = await service.outbox(LiveMessagesLogged.type)
        heard.append({entry["user_id"] for entry in said["data"]["entries"]})
    assert heard == [{JANE}, {JANE, JOHN}]


async def test_two_changes_at_once_tell_of_a_closed_account_once(service: Harness) -> None:
    for number in range(10):
        await service.deliver(account(JANE, UserChanged, version=10 * number + 1))
        closed = [account(JANE, UserChanged, version=10 * number + n, is_active=False) for n in (2, 3)]
        await asyncio.gather(*(service.deliver(event) for event in closed))
    assert [n["type"] for n in await listed(service, JANE, page_size=100)].count("account_deactivated") == 10
