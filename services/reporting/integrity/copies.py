"""What the reporting service keeps of others, for their owners to be compared with."""

from shared import integrity
from shared.integrity import Replica

USERS = Replica(
    "user",
    "users",
    "auth",
    id="user_id",
    fields={
        "role": "role",
        "first_name": "first_name",
        "last_name": "last_name",
        "is_active": "is_active",
        "purged": "purged",
        "created_at": "created_at",
        "deleted_at": "deleted_at",
    },
)
TUTORS = Replica(
    "tutor",
    "tutors",
    "profiles",
    id="tutor_id",
    fields={"user_id": "user_id", "status": "status", "is_active": "is_active"},
)
SUBJECTS = Replica("subject", "subjects", "profiles", id="subject_id", where="NOT deleted", fields={"name": "name"})
BOOKINGS = Replica(
    "booking",
    "bookings",
    "bookings",
    id="booking_id",
    fields={
        "status": "status",
        "student_id": "student_id",
        "tutor_user_id": "tutor_user_id",
        "tutor_id": "tutor_id",
        "subject_id": "subject_id",
        "subject_name": "subject_name",
        "start_at": "start_at",
        "end_at": "end_at",
        "lesson_type": "lesson_type",
        "price": "trim_scale(price)",
        "currency": "currency",
        "refunded": "trim_scale(refunded)",
        "purchase_id": "purchase_id",
        "created_at": "created_at",
    },
)
PURCHASES = Replica(
    "purchase",
    "purchases",
    "bookings",
    id="purchase_id",
    fields={
        "package_id": "package_id",
        "tutor_id": "tutor_id",
        "student_id": "student_id",
        "price": "trim_scale(price)",
        "currency": "currency",
        "refunded": "trim_scale(refunded)",
        "credits_remaining": "credits_remaining",
        "purchased_at": "purchased_at",
    },
)

router = integrity.router(replicas=(USERS, TUTORS, SUBJECTS, BOOKINGS, PURCHASES))
