"""Events as the other services would say them, with everything but what a test is about filled in."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.auth import Origin, Principal
from shared.events.auth import UserRegistered
from shared.events.bookings import BookingConfirmed, PackagePurchased
from shared.events.profiles import TutorChanged
from shared.tokens import Role

NOW = datetime.now(UTC)
ADMIN = Principal(1, Role.ADMIN, origin=Origin("192.168.1.1", "Browser"))


def user(user_id: int, role: str = "student", kind: Any = UserRegistered, version: int = 1, **fields: Any) -> Any:
    given = {
        "email": f"user{user_id}@example.com",
        "first_name": f"First{user_id}",
        "last_name": "Last",
        "avatar_url": "http://localhost:8000/api/avatars/default.png",
        "currency": "USD",
        "timezone": "UTC",
        "is_active": True,
        "is_verified": True,
        "created_at": NOW,
    }
    return kind(user_id=user_id, version=version, role=role, **given | fields)


def tutor(tutor_id: int, status: str = "approved", version: int = 1, **fields: Any) -> TutorChanged:
    given: dict[str, Any] = {
        "user_id": tutor_id + 100,
        "is_active": True,
        "name": "John Doe",
        "title": None,
        "hourly_rate": Decimal(45),
        "currency": "USD",
        "timezone": "UTC",
        "subjects": [],
        "windows": [],
        "days_off": [],
    }
    return TutorChanged.model_validate({"tutor_id": tutor_id, "version": version, "status": status} | given | fields)


def booking(booking_id: int, status: str = "CONFIRMED", kind: Any = BookingConfirmed, version: int = 1, **fields: Any) -> Any:
    given = {
        "student_id": 10,
        "tutor_user_id": 20,
        "tutor_id": 2,
        "student_name": "Jane Doe",
        "tutor_name": "John Doe",
        "subject_id": 1,
        "subject_name": "Mathematics",
        "start_at": NOW + timedelta(days=1),
        "end_at": NOW + timedelta(days=1, hours=1),
        "lesson_type": "online",
        "price": Decimal("45.00"),
        "currency": "USD",
        "by": "student",
        "created_at": NOW,
    }
    return kind(booking_id=booking_id, status=status, version=version, **given | fields)


def purchase(purchase_id: int, kind: Any = PackagePurchased, version: int = 1, **fields: Any) -> Any:
    given = {
        "package_id": 5,
        "package_name": "Ten lessons",
        "tutor_id": 2,
        "tutor_user_id": 20,
        "student_id": 10,
        "price": Decimal("200.00"),
        "currency": "USD",
        "credits_remaining": 10,
        "expires_at": NOW + timedelta(days=90),
        "purchased_at": NOW,
    }
    return kind(purchase_id=purchase_id, version=version, **given | fields)
