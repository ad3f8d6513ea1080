"""Accounts and bookings as the messaging service hears of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.events.auth import UserChanged, UserPurged, UserRegistered
from shared.events.bookings import BookingRequested
from tests.harness import Harness

ANNA, BOB, EVE = 101, 102, 103
NAMES = {ANNA: ("Anna", "Student"), BOB: ("Bob", "Tutor"), EVE: ("Eve", "Stranger")}


def registered(user_id: int, version: int = 1, **changes: Any) -> UserRegistered:
    return UserRegistered(**_account(user_id, version) | changes)


def changed(user_id: int, version: int, **changes: Any) -> UserChanged:
    return UserChanged(**_account(user_id, version) | changes)


def purged(user_id: int, version: int) -> UserPurged:
    return UserPurged(**_account(user_id, version) | {"is_active": False, "purged": True})


def booked(booking_id: int, student_id: int = ANNA, tutor_user_id: int = BOB) -> BookingRequested:
    now = datetime.now(UTC)
    return BookingRequested(
        booking_id=booking_id,
        version=1,
        status="PENDING",
        student_id=student_id,
        tutor_user_id=tutor_user_id,
        tutor_id=9,
        student_name="Anna Student",
        tutor_name="Bob Tutor",
        subject_id=1,
        subject_name="Physics",
        start_at=now + timedelta(days=2),
        end_at=now + timedelta(days=2, hours=1),
        lesson_type="online",
        price=Decimal("50.00"),
        currency="USD",
        by="student",
        created_at=now,
    )


async def introduce(service: Harness, *user_ids: int) -> None:
    """Let the service hear of these accounts."""
    await service.deliver(*(registered(user_id) for user_id in user_ids))


def _account(user_id: int, version: int) -> dict[str, Any]:
    first_name, last_name = NAMES.get(user_id, ("Person", str(user_id)))
    return {
        "user_id": user_id,
        "version": version,
        "email": f"{first_name}.{user_id}@example.com".lower(),
        "role": "tutor" if user_id == BOB else "student",
        "first_name": first_name,
        "last_name": last_name,
        "avatar_url": f"http://localhost:8000/api/avatars/{user_id}.webp",
        "currency": "USD",
        "timezone": "UTC",
        "is_active": True,
        "is_verified": True,
        "created_at": datetime.now(UTC),
    }
