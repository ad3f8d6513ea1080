"""Who is told what: events in, notices out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.events.base import Event
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
from shared.events.messaging import MessageDelivered
from shared.events.profiles import TutorApproved, TutorRejected
from shared.types import format_instant

MAIL_FOR = timedelta(days=3)  # later than that a mail is no news
REMIND_WITHIN = 4  # a part of what a reminder says is left: later than that it would be wrong


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell one person. `facts` are for mails: instants are shown in that person's zone."""

    user_id: int
    kind: str
    title: str
    message: str
    data: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    about_id: int | None = None
    about_name: str | None = None
    """The other person, whose name `message` quotes."""
    anonymous: str | None = None
    """`message` without that name, and without what that person wrote."""
    fold_key: str | None = None
    folded_message: str = ""
    """Follows the count when there is more than one of the same `fold_key` unread."""
    folded_anonymous: str = ""
    newest_id: int | None = None
    lapses_at: datetime | None = None
    """When sending it has no point any more, if that is before `MAIL_FOR` has passed."""


@dataclass(frozen=True, slots=True)
class Words:
    kind: str
    title: str
    to_student: str = ""
    to_tutor: str = ""


def _both(kind: str, title: str, text: str) -> Words:
    return Words(kind, title, text, text)


WORDS: dict[type[Event], Words] = {
    BookingRequested: Words("booking_requested", "Booking Requested", to_tutor="{other} asks for a {lesson}"),
    BookingConfirmed: _both("booking_confirmed", "Booking Confirmed", "Your session with {other} is confirmed"),
    BookingDeclined: _both("booking_declined", "Booking Declined", "Your session with {other} was declined{because}"),
    BookingCancelled: _both("booking_cancelled", "Booking Cancelled", "Your session with {other} was cancelled{because}"),
    BookingExpired: _both(
        "booking_expired", "Booking Expired", "The request for a session with {other} was not answered in time"
    ),
    BookingRescheduled: Words(
        "booking_rescheduled",
        "Booking Rescheduled",
        "Your session with {other} was moved",
        "Your session with {other} was moved{please_confirm}",
    ),
    BookingCompleted: Words(
        "booking_completed",
        "Session Completed",
        "Your session with {other} is completed. How was it? You can leave a review",
        "Your session with {other} is completed",
    ),
    BookingNoShow: _both("booking_no_show", "Session Missed", "Your session with {other} was marked as missed by the {missing}"),
    BookingReminderDue: _both("booking_reminder", "Upcoming Session", "Your session with {other} starts in {left}"),
}


NOBODY = "Deleted user"


def thread_key(other_id: int) -> str:
    return f"thread:{other_id}"


def new_messages(count: int, name: str) -> str:
    return f"New message from {name}" if count == 1 else f"{count} new messages from {name}"


def of_message(event: MessageDelivered) -> Notice:
    """The text is not quoted: it can be edited or deleted, a mail cannot."""
    return Notice(
        user_id=event.recipient_id,
        kind="new_message",
        title="New Message",
        message=new_messages(1, event.sender_name),
        data={"message_id": event.message_id, "sender_id": event.sender_id, "booking_id": event.booking_id, "count": 1},
        about_id=event.sender_id,
        about_name=event.sender_name,
        anonymous=new_messages(1, NOBODY),
        fold_key=thread_key(event.sender_id),
        folded_message=f" new messages from {event.sender_name}",
        folded_anonymous=f" new messages from {NOBODY}",
        newest_id=event.message_id,
    )


def of_booking(event: BookingEvent | BookingReminderDue) -> list[Notice]:
    """One notice for each party that did not do it themselves."""
    notices = []
    for to_tutor in (True, False):
        if event.by == ("tutor" if to_tutor else "student") and not isinstance(event, BookingReminderDue):
            continue
        words = WORDS.get(type(event))
        text = words and (words.to_tutor if to_tutor else words.to_student)
        if text:
            notices.append(_booking_notice(event, to_tutor, text))
    return notices


def _worded(text: str, event: BookingEvent | BookingReminderDue, other: str, reason: str | None) -> str:
    return text.format(
        other=other,
        lesson=f"{event.subject_name} session" if event.subject_name else "session",
        because=f": {reason}" if reason else "",
        please_confirm=". Please confirm the new time" if event.status == "PENDING" else "",
        missing="tutor" if event.status == "NO_SHOW_TUTOR" else "student",
        left="1 hour" if getattr(event, "hours", None) == 1 else f"{getattr(event, 'hours', 0)} hours",
    )


def _booking_notice(event: BookingEvent | BookingReminderDue, to_tutor: bool, text: str) -> Notice:
    other = event.student_name if to_tutor else event.tutor_name
    is_others_reason = event.by == ("student" if to_tutor else "tutor")
    start_at = format_instant(event.start_at)
    facts = {"starts_at": start_at, "ends_at": format_instant(event.end_at), "lesson": event.lesson_type.replace("_", " ")}
    if event.subject_name:
        facts["subject"] = event.subject_name
    if isinstance(event, BookingRescheduled):
        facts["previous_start_at"] = format_instant(event.previous_start_at)
    if event.refunded and not to_tutor:
        facts["refund"] = f"{event.refunded:.2f} {event.currency}"
    return Notice(
        user_id=event.tutor_user_id if to_tutor else event.student_id,
        kind=WORDS[type(event)].kind,
        title=WORDS[type(event)].title,
        message=_worded(text, event, other, event.reason),
        anonymous=_worded(text, event, NOBODY, None if is_others_reason else event.reason),
        data={"booking_id": event.booking_id, "status": event.status, "start_at": start_at},
        facts=facts,
        about_id=event.student_id if to_tutor else event.tutor_user_id,
        about_name=other,
        lapses_at=_reminds_until(event) if isinstance(event, BookingReminderDue) else None,
    )


def _reminds_until(event: BookingReminderDue) -> datetime:
    return min(event.start_at, event.occurred_at + timedelta(hours=event.hours) / REMIND_WITHIN)


def of_review(event: ReviewReceived) -> Notice | None:
    """A new review is told to the tutor, the tutor's response to the student; an edit to nobody."""
    data = {"review_id": event.review_id, "booking_id": event.booking_id, "tutor_id": event.tutor_id, "rating": event.rating}
    if event.responded:
        return Notice(event.student_id, "review_response", "Response to Your Review", "Your tutor responded to your review", data)
    if event.edited:
        return None
    stars = "1 star" if event.rating == 1 else f"{event.rating} stars"
    return Notice(event.tutor_user_id, "review_received", "New Review", f"You received a review with {stars}", data)


def of_purchase(event: PackagePurchased) -> Notice:
    data = {"purchase_id": event.purchase_id, "package_id": event.package_id, "student_id": event.student_id}
    facts = {"price": f"{event.price:.2f} {event.currency}", "sessions": str(event.credits_remaining)}
    message = f"A student bought your package “{event.package_name}”"
    return Notice(event.tutor_user_id, "package_purchased", "Package Purchased", message, data, facts)


def of_approval(event: TutorApproved | TutorRejected) -> Notice:
    data = {"tutor_id": event.tutor_id}
    if isinstance(event, TutorApproved):
        message = "Your profile is approved: students can find and book you now"
        return Notice(event.user_id, "tutor_approved", "Profile Approved", message, data)
    message = f"Your profile was not approved: {event.reason}"
    return Notice(event.user_id, "tutor_rejected", "Profile Not Approved", message, data | {"reason": event.reason})


def of_account(user_id: int, was_active: bool, is_active: bool) -> Notice | None:
    """An account that was closed or opened again is told so."""
    if was_active == is_active:
        return None
    if is_active:
        return Notice(user_id, "account_restored", "Account Restored", "Your account is active again")
    return Notice(user_id, "account_deactivated", "Account Deactivated", "Your account was deactivated")
