"""Who may do what: every endpoint, every role."""

import pytest

from tests.harness import Harness
from tests.services.profiles.people import registers

OPEN = [
    "GET /api/tutors",
    "GET /api/tutors/{id}/public",
    "GET /api/subjects",
    "GET /api/utils/countries",
    "GET /api/utils/languages",
    "GET /api/utils/proficiency-levels",
    "GET /api/utils/phone-codes",
    "GET /api/tutors/photos/none.webp",
]
ANYBODY_SIGNED_IN = ["GET /api/tutors/{id}"]
TUTORS = [
    "GET /api/tutors/me/profile",
    "PATCH /api/tutors/me/about",
    "PUT /api/tutors/me/subjects",
    "PATCH /api/tutors/me/pricing",
    "PUT /api/tutors/me/availability",
    "POST /api/tutors/me/submit",
    "PUT /api/tutors/me/certifications",
    "PUT /api/tutors/me/education",
    "PATCH /api/tutors/me/description",
    "PATCH /api/tutors/me/video",
    "PATCH /api/tutors/me/photo",
    "DELETE /api/tutors/me/photo",
    "GET /api/tutors/availability",
    "POST /api/tutors/availability",
    "POST /api/tutors/availability/bulk",
    "DELETE /api/tutors/availability/1",
    "GET /api/tutors/availability/exceptions",
    "POST /api/tutors/availability/exceptions",
    "DELETE /api/tutors/availability/exceptions/1",
]
STUDENTS = [
    "GET /api/profile/student/me",
    "PATCH /api/profile/student/me",
    "POST /api/students/favorites/{id}",
    "DELETE /api/students/favorites/{id}",
    "GET /api/students/favorites",
]
ADMINISTRATORS = [
    "POST /api/subjects",
    "PUT /api/subjects/1",
    "DELETE /api/subjects/1",
    "GET /api/admin/tutors/pending",
    "GET /api/admin/tutors/approved",
    "POST /api/admin/tutors/{id}/approve",
    "POST /api/admin/tutors/{id}/reject",
]
BODY = {
    "subject_ids": [], "weekly_schedule": [], "certifications": [], "education": [], "description": None, "video_url": None,
    "day_of_week": "sunday", "start_time": "09:00", "end_time": "10:00", "start_date": "2030-01-01", "name": "New",
    "rejection_reason": "No.", "slots": [{"day_of_week": "friday", "start_time": "09:00", "end_time": "10:00"}],
}  # fmt: skip


def allowed() -> list[tuple[str, str, bool]]:
    """(endpoint, who, whether they may)."""
    roles = {"tutor": TUTORS, "student": STUDENTS, "admin": ADMINISTRATORS}
    restricted = [(path, who, path in own) for path in TUTORS + STUDENTS + ADMINISTRATORS for who, own in roles.items()]
    return restricted + [(path, who, True) for path in OPEN + ANYBODY_SIGNED_IN for who in roles]


@pytest.mark.parametrize(("endpoint", "who", "may"), allowed())
async def test_a_role_may_do_what_is_its_own(service: Harness, endpoint: str, who: str, may: bool) -> None:
    user_id = 1 if who == "admin" else (await registers(service, who)).user_id
    method, path = endpoint.replace("{id}", "1").split()

    answer = await service.person(user_id, who).request(method, path, json=BODY)

    assert (answer.status_code != 403) is may, answer.text
    assert answer.status_code not in (401, 500)


@pytest.mark.parametrize("endpoint", TUTORS + STUDENTS + ADMINISTRATORS + ANYBODY_SIGNED_IN)
async def test_nobody_may_do_it_without_signing_in(service: Harness, endpoint: str) -> None:
    method, path = endpoint.replace("{id}", "1").split()

    answer = await service.client().request(method, path, json=BODY)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("endpoint", OPEN)
async def test_everybody_may_read_what_is_public(service: Harness, endpoint: str) -> None:
    method, path = endpoint.replace("{id}", "1").split()

    assert (await service.client().request(method, path)).status_code in (200, 404)


async def test_every_endpoint_is_in_the_matrix(service: Harness) -> None:
    schema = service.app.openapi()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in schema.items() for method in methods}

    def same(pattern: str, endpoint: str) -> bool:
        parts = zip(pattern.split("/"), endpoint.split("/"), strict=False)
        return pattern.count("/") == endpoint.count("/") and all(p == e or p.startswith("{") for p, e in parts)

    listed = OPEN + ANYBODY_SIGNED_IN + TUTORS + STUDENTS + ADMINISTRATORS
    assert [s for s in served if not any(same(s, e) for e in listed)] == []
