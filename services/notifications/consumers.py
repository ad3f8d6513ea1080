"""What the notifications service hears, and whom it tells of it."""

from services.notifications import actions, conversations, queries, rules
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
from shared.events.messaging import BlockChanged, MessageDelivered, MessageEdited, MessagesRead
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
    """Whatever the preferences say: the person asked for it, or has to know. Of the purged not even the address is kept."""
    if await tx.value(queries.PURGED, ids=[event.user_id]):
        return
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
    people = [event.student_id, event.tutor_user_id]
    is_news = await tx.run(queries.BOOKING_MOVED, booking_id=event.booking_id, version=event.version)
    if is_news:
        await outgoing.call_off_reminders(tx, event.booking_id, people, event.start_at if event.status == "CONFIRMED" else None)
    messages = [Live(user_id, update) for user_id in people] if is_news else []
    await actions.tell(tx, event, rules.of_booking(event), messages)


@subscriptions.on(BookingReminderDue)
async def remind_of_booking(tx: Tx, event: BookingReminderDue) -> None:
    if not await tx.run(queries.BOOKING_IS_STILL, booking_id=event.booking_id, version=event.version):
        return  # it was moved or cancelled since
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
    await conversations.deliver(tx, event)


@subscriptions.on(MessageEdited)
async def tell_of_edit(tx: Tx, event: MessageEdited) -> None:
    await conversations.change(tx, event)


@subscriptions.on(MessagesRead)
async def tell_of_reading(tx: Tx, event: MessagesRead) -> None:
    await conversations.read(tx, event)


@subscriptions.on(BlockChanged)
async def follow_block(tx: Tx, event: BlockChanged) -> None:
    """Whoever is blocked sees neither typing nor presence nor marks of reading."""
    await tx.run(
        queries.REMEMBER_BLOCK,
        blocker_id=event.blocker_id,
        blocked_id=event.blocked_id,
        is_blocked=event.is_blocked,
        changed_at=event.changed_at,
    )
