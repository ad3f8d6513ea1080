"""What the notifications service hears, and whom it tells of it."""

from typing import Any

from services.notifications import actions, queries, rules
from services.notifications.delivery import outgoing
from services.notifications.live import Live
from services.notifications.rules import Notice
from shared.db import Tx
from shared.events.auth import AccountEvent, MailRequested, UserChanged, UserPurged, UserRegistered, UserSnapshot
from shared.events.bookings import (
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingDeclined,
    BookingEvent,
    BookingExpired,
    BookingNoShow,
    BookingReminderDue,
    BookingRequested,
    BookingRescheduled,
    PackagePurchased,
    ReviewReceived,
)
from shared.events.messaging import MessageDelivered, MessageEdited, MessagesRead
from shared.events.profiles import TutorApproved, TutorRejected
from shared.inbox import Subscriptions
from shared.types import format_instant

subscriptions = Subscriptions("notifications")

MOVES = (
    BookingRequested,
    BookingConfirmed,
    BookingDeclined,
    BookingCancelled,
    BookingExpired,
    BookingRescheduled,
    BookingCompleted,
    BookingNoShow,
)


@subscriptions.on(UserRegistered, UserChanged, UserPurged, UserSnapshot)
async def remember_person(tx: Tx, event: AccountEvent) -> None:
    """Whatever says that somebody was purged has them forgotten: the news of the purge itself may have been missed."""
    is_purged = event.purged or isinstance(event, UserPurged)
    rows = await tx.rows(
        queries.REMEMBER_PERSON,
        id=event.user_id,
        version=event.version,
        email=event.email,
        first_name=event.first_name,
        timezone=event.timezone,
        is_active=event.is_active,
        is_purged=is_purged,
        wants_email=event.email_notifications,
        wants_push=event.push_notifications,
        wants_sms=event.sms_notifications,
    )
    if is_purged:
        for statement in queries.FORGET_PERSON:
            await tx.run(statement, id=event.user_id)
    elif isinstance(event, UserChanged) and rows and rows[0]["was_active"] is not None:
        notice = rules.of_account(event.user_id, rows[0]["was_active"], event.is_active)
        await actions.tell(tx, event, [notice] if notice else [], [])


@subscriptions.on(MailRequested)
async def mail_what_auth_asks_for(tx: Tx, event: MailRequested) -> None:
    """Whatever the preferences say: the person asked for it, or has to know."""
    content = {"first_name": event.first_name, "token": event.token}
    await outgoing.enqueue_mail(tx, event, event.user_id, event.kind, event.email, content, event.expires_at)
    if event.kind == "password_changed":
        message = "Your password was changed. If that was not you, reset it now"
        await actions.tell(tx, event, [Notice(event.user_id, "account_password_changed", "Password Changed", message)], [])


@subscriptions.on(*MOVES)
async def tell_of_booking(tx: Tx, event: BookingEvent) -> None:
    update = {
        "type": "booking_update",
        "booking_id": event.booking_id,
        "status": event.status,
        "start_at": format_instant(event.start_at),
        "end_at": format_instant(event.end_at),
    }
    messages = [Live(user_id, update) for user_id in (event.student_id, event.tutor_user_id)]
    await actions.tell(tx, event, rules.of_booking(event), messages)


@subscriptions.on(BookingReminderDue)
async def remind_of_booking(tx: Tx, event: BookingReminderDue) -> None:
    await actions.tell(tx, event, rules.of_booking(event), [])


@subscriptions.on(ReviewReceived)
async def tell_of_review(tx: Tx, event: ReviewReceived) -> None:
    notice = rules.of_review(event)
    await actions.tell(tx, event, [notice] if notice else [], [])


@subscriptions.on(PackagePurchased)
async def tell_of_purchase(tx: Tx, event: PackagePurchased) -> None:
    await actions.tell(tx, event, [rules.of_purchase(event)], [])


@subscriptions.on(TutorApproved, TutorRejected)
async def tell_tutor(tx: Tx, event: TutorApproved | TutorRejected) -> None:
    await actions.tell(tx, event, [rules.of_approval(event)], [])


@subscriptions.on(MessageDelivered)
async def tell_of_message(tx: Tx, event: MessageDelivered) -> None:
    """Both people's devices get it; the recipient is notified, unless it was read before this event came by."""
    sides = await tx.rows(queries.MEET, one=event.sender_id, other=event.recipient_id)
    read_up_to = next(side["read_up_to"] for side in sides if side["user_id"] == event.recipient_id)
    fields = _message_fields(event)
    messages = [
        Live(event.recipient_id, {"type": "new_message"} | fields),
        Live(event.sender_id, {"type": "message_sent"} | fields),
    ]
    notices = [rules.of_message(event)] if event.message_id > read_up_to else []
    await actions.tell(tx, event, notices, messages)


@subscriptions.on(MessageEdited)
async def tell_of_edit(tx: Tx, event: MessageEdited) -> None:
    fields: dict[str, Any] = {
        "type": "message_deleted" if event.message is None else "message_edited",
        "message_id": event.message_id,
        "sender_id": event.sender_id,
        "recipient_id": event.recipient_id,
        "message": event.message,
        "edited_at": format_instant(event.edited_at),
    }
    await actions.tell(tx, event, [], [Live(user_id, fields) for user_id in (event.recipient_id, event.sender_id)])


@subscriptions.on(MessagesRead)
async def tell_of_reading(tx: Tx, event: MessagesRead) -> None:
    """The writer sees the marks, the reader's other devices too; the thread's notification has served its purpose."""
    read_up_to = max(event.message_ids, default=0)
    await tx.run(queries.MEET, one=event.reader_id, other=event.other_user_id)
    await tx.run(queries.HAS_READ, user_id=event.reader_id, other_id=event.other_user_id, read_up_to=read_up_to)
    fold_key = rules.thread_key(event.other_user_id)
    await tx.run(queries.READ_THREAD, user_id=event.reader_id, fold_key=fold_key, read_up_to=read_up_to)
    fields = {
        "type": "message_read",
        "reader_id": event.reader_id,
        "other_user_id": event.other_user_id,
        "message_ids": event.message_ids,
        "read_at": format_instant(event.read_at),
    }
    await actions.tell(tx, event, [], [Live(user_id, fields) for user_id in (event.other_user_id, event.reader_id)])


def _message_fields(event: MessageDelivered) -> dict[str, Any]:
    return {
        "message_id": event.message_id,
        "sender_id": event.sender_id,
        "sender_name": event.sender_name,
        "sender_email": event.sender_email,
        "recipient_id": event.recipient_id,
        "message": event.message,
        "booking_id": event.booking_id,
        "attachment_id": event.attachment_id,
        "attachment_name": event.attachment_name,
        "created_at": format_instant(event.created_at),
    }
