"""What of this service's data is compared with the neighbours' (see `shared.integrity`), and said again where it differs."""

from services.bookings.actions.events import purchase_state, snapshot
from services.bookings.actions.reviews import rating_state
from services.bookings.queries import lessons, packages
from services.bookings.queries.lessons import AnsweredBooking
from services.bookings.queries.packages import Purchase
from services.bookings.queries.reviews import Rating
from shared import integrity
from shared.db import Tx
from shared.events.bookings import PurchaseChanged, RatingChanged
from shared.integrity import AVATAR_NAME, OLDEST_DAY, Owned, Replica
from shared.outbox import publish

RATINGS_BY_IDS = "SELECT tutor_id, version, total_reviews, sum_of_ratings FROM ratings WHERE tutor_id = ANY(%(ids)s::bigint[])"
ANSWERED_AT = """(
  SELECT min(m.at) FROM booking_moves m
  WHERE m.booking_id = bookings.id AND bookings.version > 1 AND m.move IN ('confirm', 'decline'))"""
# Without what has passed since it was said.
WINDOWS = f"""jsonb_path_query_array(windows, '$[*] ? (!(@.on < $day))', jsonb_build_object('day', {OLDEST_DAY}))"""
DAYS_OFF = f"""jsonb_path_query_array(days_off, '$[*] ? (!(@.last < $day))', jsonb_build_object('day', {OLDEST_DAY}))"""


async def resend_bookings(tx: Tx, ids: list[int]) -> None:
    await publish(tx, *map(snapshot, await tx.all(AnsweredBooking, lessons.ANSWERED_BY_IDS, ids=ids)))


async def resend_purchases(tx: Tx, ids: list[int]) -> None:
    found = await tx.all(Purchase, packages.PURCHASES_BY_IDS, ids=ids)
    await publish(tx, *(PurchaseChanged(**purchase_state(purchase)) for purchase in found))


async def resend_ratings(tx: Tx, ids: list[int]) -> None:
    await publish(tx, *(RatingChanged(**rating_state(rating)) for rating in await tx.all(Rating, RATINGS_BY_IDS, ids=ids)))


BOOKINGS = Owned(
    "booking",
    "bookings",
    resend_bookings,
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
        "answered_at": ANSWERED_AT,
    },
)
PURCHASES = Owned(
    "purchase",
    "purchases",
    resend_purchases,
    fields={
        "package_id": "package_id",
        "tutor_id": "tutor_id",
        "tutor_user_id": "tutor_user_id",
        "student_id": "student_id",
        "price": "trim_scale(price)",
        "currency": "currency",
        "refunded": "trim_scale(refunded)",
        "credits_remaining": "credits_remaining",
        "status": "status",
        "purchased_at": "purchased_at",
    },
)
RATINGS = Owned(
    "rating",
    "ratings",
    resend_ratings,
    id="tutor_id",
    fields={
        "average_rating": "coalesce(trim_scale(round(sum_of_ratings::numeric / nullif(total_reviews, 0), 2)), 0)",
        "total_reviews": "total_reviews",
    },
)
ACCOUNTS = Replica(
    "user",
    "accounts",
    "auth",
    fields={
        "first_name": "first_name",
        "last_name": "last_name",
        "avatar_name": AVATAR_NAME,
        "timezone": "timezone",
        "is_active": "is_active",
        "purged": "purged",
    },
)
TUTORS = Replica(
    "tutor",
    "tutors",
    "profiles",
    fields={
        "user_id": "user_id",
        "status": "status",
        "is_active": "is_active",
        "name": "name",
        "hourly_rate": "trim_scale(hourly_rate)",
        "currency": "currency",
        "timezone": "timezone",
        "subjects": "subjects",
        "windows": WINDOWS,
        "days_off": DAYS_OFF,
    },
)

router = integrity.router(owned=(BOOKINGS, PURCHASES, RATINGS), replicas=(ACCOUNTS, TUTORS))
