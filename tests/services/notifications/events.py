"""Events of other services, with what tests do not care about filled in."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.events.auth import UserRegistered
from shared.events.bookings import BookingConfirmed, BookingRescheduled
from shared.events.messaging import MessageDelivered

JANE, JOHN, EVE = 11, 12, 13  # a student, a tutor, somebody else
NOW = datetime.now(UTC)
_numbers = itertools.count(1)
_versions = itertools.count(1)  # each booking event is of a later move than the one before


def account(user_id: int, kind: type[Any] = UserRegistered, **fields: Any) -> Any:
    return kind(
        **{
            "user_id": user_id,
            "version": 1,
            "email": f"person{user_id}@example.com",
            "role": "student",
            "first_name": "Jane" if user_id == JANE else "John",
            "last_name": "Doe",
            "avatar_url": "http://localhost/a.png",
            "currency": "USD",
            "timezone": "Europe/Kyiv",
            "is_active": True,
            "is_verified": True,
            "created_at": NOW,
        }
        | fields
    )


def booking(kind: type[Any] = BookingConfirmed, **fields: Any) -> Any:
    statuses = {"Confirmed": "CONFIRMED", "Declined": "DECLINED", "Cancelled": "CANCELLED", "Expired": "EXPIRED"}
    status = statuses.get(kind.__name__.removeprefix("Booking"), "PENDING")
    return kind(
        **{
            "booking_id": 123,
            "version": next(_versions),
            "status": status,
            "student_id": JANE,
            "tutor_user_id": JOHN,
            "tutor_id": 5,
            "student_name": "Jane Doe",
            "tutor_name": "John Tutor",
            "subject_id": 1,
            "subject_name": "Mathematics",
            "start_at": NOW + timedelta(days=2),
            "end_at": NOW + timedelta(days=2, hours=1),
            "lesson_type": "online",
            "price": Decimal("45.00"),
            "currency": "USD",
            "by": "tutor",
            "created_at": NOW,
        }
        | ({"previous_start_at": NOW + timedelta(days=2)} if kind is BookingRescheduled else {})
        | fields
    )


def message(sender_id: int = JOHN, recipient_id: int = JANE, **fields: Any) -> MessageDelivered:
    return MessageDelivered(
        **{
            "message_id": next(_numbers),
            "sender_id": sender_id,
            "sender_name": "John Tutor" if sender_id == JOHN else "Jane Doe",
            "sender_email": f"person{sender_id}@example.com",
            "recipient_id": recipient_id,
            "message": "Hello!",
            "created_at": datetime.now(UTC),
        }
        | fields
    )
