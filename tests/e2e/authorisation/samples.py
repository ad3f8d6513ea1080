"""A well-formed request to each operation, which need not be about anything that exists, and who may make it."""

from typing import Any

from tests.contracts.examples import placed
from tests.e2e.authorisation.asking import BODIES, PICTURES, QUERIES, UNUSED
from tests.e2e.authorisation.table import rows
from tests.e2e.authorisation.things import in_days, picture
from tests.e2e.people import PASSWORD

PEOPLE = ("student", "tutor", "admin")
NOBODY = {"email": "nobody@example.com", "password": PASSWORD}
NOON = f"{in_days(100)}T12:00:00Z"
SAMPLES: dict[str, dict[str, Any]] = {
    "POST /auth/login": NOBODY,
    "POST /auth/logout": {"refresh_token": UNUSED},
    "POST /auth/register": NOBODY | {"first_name": "No", "last_name": "Body"},
    "POST /api/audit/purge-old-deletes": {},
    "POST /api/audit/restore-user": {"user_id": 1},
    "POST /api/audit/soft-delete-user": {"user_id": 1},
    "POST /api/bookings": {"tutor_profile_id": 1, "start_at": NOON},
    "POST /api/bookings/{booking_id}/reschedule": {"new_start_time": NOON},
    "POST /api/messages": {"recipient_id": 2, "message": "Hello"},
    "POST /api/reviews": {"booking_id": 1, "rating": 5},
    "POST /api/subjects": {"name": "Mathematics"},
    "PUT /api/tutors/me/availability": {"weekly_schedule": []},
}
ATTACHMENT = "POST /api/messages/with-attachment"
_EXPECTED = {row.route: row.expected for row in rows()}


def sample(endpoint: str) -> dict[str, Any]:
    """Query, body and files, as httpx takes them."""
    values: dict[str, Any] = {"params": QUERIES.get(endpoint)}
    if endpoint in PICTURES:
        values["files"] = picture()
    elif endpoint == ATTACHMENT:
        values |= {"files": picture(), "data": {"recipient_id": "2"}}
    else:
        values["json"] = (BODIES | SAMPLES).get(endpoint)
    return values


def target(endpoint: str, value: object = 1) -> tuple[str, str]:
    """Method and path; pictures go by names, whatever the value."""
    return placed(endpoint, f"{'0' * 32}.webp" if "{name}" in endpoint else value)


def who_may(endpoint: str) -> str:
    """One of `PEOPLE` whose role is right."""
    return next(who for who in PEOPLE if _EXPECTED[endpoint][who] != 403)


def who_may_not(endpoint: str) -> list[str]:
    """Those whose role is wrong."""
    return [who for who in PEOPLE if _EXPECTED[endpoint][who] == 403]
