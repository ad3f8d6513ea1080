"""Messages as people are told of them: folded until read, edited, deleted, forgotten."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from services.notifications.app import forget_live
from shared.events.messaging import BlockChanged, MessageDelivered, MessageEdited, MessagesRead
from shared.events.notifications import LiveMessagesLogged
from shared.worker import Runtime
from tests.harness import Harness
from tests.services.notifications.events import EVE, JANE, JOHN, NOW, message
from tests.services.notifications.inbox import listed, told, unread

MANY_EDITS = """
INSERT INTO edits (message_id, sender_id, edited_at, noted_at)
SELECT n, 1, now(), now() - CASE WHEN n < 6000 THEN interval '9 days' ELSE interval '7 days' END FROM generate_series(1, 6000) n
"""
TABLES = """
SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r'
"""


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


def edited(sent: MessageDelivered, text: str | None, at: datetime = NOW, read_up_to: int | None = None) -> MessageEdited:
    return MessageEdited(
        message_id=sent.message_id,
        sender_id=sent.sender_id,
        recipient_id=sent.recipient_id,
        message=text,
        edited_at=at,
        read_up_to=read_up_to,
    )


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


async def test_edits_are_forgotten_after_eight_days_however_many(service: Harness) -> None:
    async with service.database.transaction() as tx:
        await tx.run(MANY_EDITS)
    await forget_live(Runtime(service.app.state.settings, service.database))

    async with service.database.reading() as tx:
        assert await tx.rows("SELECT message_id FROM edits") == [{"message_id": 6000}]


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
