"""How each route is asked: with what in the path, the query and the body."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.e2e.authorisation.table import Row
from tests.e2e.authorisation.things import Things, in_days, picture
from tests.e2e.people import PASSWORD

Json = dict[str, Any]
UNUSED = "a secret that no mail ever held: 0123456789"
LESSON = {"duration_minutes": 60, "lesson_type": "online"}
ALL_DAY = {"start_time": "00:00", "end_time": "24:00"}


@dataclass(frozen=True)
class Question:
    """A request that any caller can make; `about` are the ids of what it is about."""

    path: str
    values: dict[str, Any] = field(default_factory=dict)
    about: frozenset[int] = frozenset()


SPARE = {"POST /auth/logout", "POST /auth/logout-all", "POST /auth/change-password", "DELETE /auth/me"}
"""Routes that end the caller's session: somebody else of the same kind calls them."""
BESIDE_OTHERS_NO_MORE = {"GET /api/health/integrity", "POST /api/audit/purge-old-deletes", "GET /health", "HEAD /health"}
"""Routes that act on or look at everything there is: they come when all others are done."""

BODIES: dict[str, Json] = {
    "POST /auth/register": {"email": "x@example.com", "password": PASSWORD, "first_name": "A", "last_name": "B", "role": "admin"},
    "POST /auth/refresh": {"refresh_token": UNUSED},
    "POST /auth/reset-password": {"token": UNUSED, "new_password": PASSWORD},
    "POST /auth/verify-email": {"token": UNUSED},
    "POST /auth/forgot-password": {"email": "nobody@example.com"},
    "POST /auth/resend-verification": {"email": "nobody@example.com"},
    "POST /auth/change-password": {"current_password": PASSWORD, "new_password": "another password"},
    "DELETE /auth/me": {"password": PASSWORD},
    "PUT /auth/me": {"phone": "+14155552671"},
    "PATCH /api/users/preferences": {"push_notifications": True},
    "PATCH /api/users/currency": {"currency": "USD"},
    "PUT /api/admin/users/{user_id}": {"role": "tutor"},
    "PATCH /api/tutors/me/about": {"headline": "10 years of calculus"},
    "PATCH /api/tutors/me/pricing": {"hourly_rate": 45, "currency": "USD"},
    "PATCH /api/tutors/me/description": {"description": "Calculus."},
    "PATCH /api/tutors/me/video": {"video_url": "https://www.youtube.com/watch?v=dQw4w9WgXcQ"},
    "PUT /api/tutors/me/subjects": {"subject_ids": [1]},
    "PUT /api/tutors/me/certifications": {"certifications": [{"title": "Educator", "year": 2020}]},
    "PUT /api/tutors/me/education": {"education": [{"degree": "Master", "year": 2015}]},
    "POST /api/tutors/availability": ALL_DAY | {"is_recurring": False, "date": in_days(90)},
    "POST /api/tutors/availability/bulk": {"slots": [ALL_DAY | {"is_recurring": False, "date": in_days(91)}]},
    "POST /api/tutors/availability/exceptions": {"start_date": in_days(92)},
    "PATCH /api/profile/student/me": {"learning_goals": "Linear algebra"},
    "PUT /api/subjects/{subject_id}": {"description": "Of numbers"},
    "POST /api/admin/tutors/{tutor_id}/reject": {"rejection_reason": "A photograph is missing."},
    "POST /api/packages": {"name": "Five", "session_count": 5, "price": 200, "duration_minutes": 60, "validity_days": 90},
    "PATCH /api/packages/{package_id}": {"price": 190},
    "PATCH /api/reviews/{review_id}": {"rating": 4},
    "POST /api/reviews/{review_id}/response": {"response": "Thank you."},
    "PATCH /api/messages/{message_id}": {"message": "Hello again"},
}
QUERIES: dict[str, Json] = {
    "GET /api/tutors/{tutor_id}/available-slots": {"start_date": in_days(3), "end_date": in_days(4)},
    "GET /api/messages/search": {"query": "hello"},
    "GET /api/health/integrity": {"repair": "true"},
}
PICTURES = {"POST /api/users/me/avatar", "PATCH /api/tutors/me/photo", "PATCH /api/admin/users/{user_id}/avatar"}


async def question(row: Row, things: Things) -> Question:
    """What to ask on this row's route, about things of its own."""
    made: dict[str, int | str] = {}
    for parameter in re.findall(r"{(\w+)}", row.path):
        special = IN_PATH.get(row.route)
        made[parameter] = await (special(things) if special else things.make(parameter))
    values: dict[str, Any] = {}
    if row.route in QUERIES:
        values["params"] = QUERIES[row.route]
    if row.route in PICTURES:
        values["files"] = picture()
    if row.route in WRITTEN:
        values["json"] = await WRITTEN[row.route](things)
    elif row.route in BODIES:
        values["json"] = BODIES[row.route]
    if row.route == "POST /api/messages/with-attachment":
        values["data"] = {"recipient_id": str(things.cast.tutor.id)}
        values["files"] = {"file": ("notes.txt", b"two plus two", "text/plain")}
    about = {*made.values(), (values.get("json") or {}).get("user_id")}
    return Question(row.path.format(**made), values, frozenset(value for value in about if isinstance(value, int)))


async def _sign_in(things: Things) -> Json:
    return {"email": things.cast.student.email, "password": PASSWORD}


async def _lesson(things: Things) -> Json:
    return LESSON | {"tutor_profile_id": things.cast.tutor_id, "start_at": things.hour()}


async def _other_time(things: Things) -> Json:
    return {"new_start_time": things.hour()}


async def _review(things: Things) -> Json:
    return {"booking_id": await things.completed_booking(), "rating": 5}


async def _message(things: Things) -> Json:
    return {"recipient_id": await things.somebody(), "message": "Hello"}


async def _subject(_things: Things) -> Json:
    return {"name": f"Subject {uuid4()}"}


async def _soft_deleted(things: Things) -> Json:
    return {"user_id": await things.somebody(), "reason": "Asked for it."}


async def _restored(things: Things) -> Json:
    return {"user_id": await things.deleted()}


async def _purged(things: Things) -> Json:
    """Unknown fields are ignored: `user_id` only says whom it is about."""
    return {"days_old": 300, "user_id": await things.long_deleted()}


async def _week(_things: Things) -> Json:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    return {"timezone": "America/New_York", "weekly_schedule": [ALL_DAY | {"day_of_week": day} for day in days]}


WRITTEN: dict[str, Callable[[Things], Awaitable[Json]]] = {
    "POST /auth/login": _sign_in,
    "POST /api/bookings": _lesson,
    "POST /api/bookings/{booking_id}/reschedule": _other_time,
    "POST /api/reviews": _review,
    "POST /api/messages": _message,
    "POST /api/subjects": _subject,
    "POST /api/audit/soft-delete-user": _soft_deleted,
    "POST /api/audit/restore-user": _restored,
    "POST /api/audit/purge-old-deletes": _purged,
    "PUT /api/tutors/me/availability": _week,
}


async def _default_picture(_things: Things) -> str:
    return "default.png"


async def _style_of_the_reader(_things: Things) -> str:
    return "swagger-ui.css"


async def _style_of_the_console(_things: Things) -> str:
    return "admin.css"


IN_PATH: dict[str, Callable[[Things], Awaitable[int | str]]] = {
    "GET /api/avatars/{name}": _default_picture,
    "GET /docs/{file}": _style_of_the_reader,
    "HEAD /docs/{file}": _style_of_the_reader,
    "GET /admin/{file}": _style_of_the_console,
    "HEAD /admin/{file}": _style_of_the_console,
    "GET /api/tutors/photos/{name}": Things.photo,
    "POST /api/admin/tutors/{tutor_id}/approve": Things.pending_tutor,
    "POST /api/admin/tutors/{tutor_id}/reject": Things.pending_tutor,
    "POST /api/tutor/bookings/{booking_id}/mark-no-show-student": Things.completed_booking,
    "POST /api/tutor/bookings/{booking_id}/mark-no-show-tutor": Things.completed_booking,
    "DELETE /api/students/favorites/{tutor_id}": Things.favourite,
    "DELETE /api/messages/blocks/{user_id}": Things.blocked,
    "PATCH /api/packages/{package_id}/use-credit": Things.purchase,
}
