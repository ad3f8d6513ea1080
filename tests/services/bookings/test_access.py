"""Who may do what: every endpoint, asked by everybody."""

from typing import Any

import httpx
import pytest

from tests.harness import Harness
from tests.services.bookings.people import Student, Tutor, a_completed_lesson, a_student, a_tutor, in_days, next_id, request

EVERYBODY = ("nobody", "student", "tutor", "other student", "other tutor", "admin")
BOOKING, DECIDING = "/api/bookings/{booking}", "/api/tutor/bookings/{booking}"
RESCHEDULE: dict[str, Any] = {"new_start_time": in_days(6).isoformat()}
SLOTS = "/api/tutors/{tutor}/available-slots?start_date=2030-01-01&end_date=2030-01-02"
PACKAGE: dict[str, Any] = {"name": "Five", "session_count": 5, "price": 200}

MATRIX: list[tuple[str, str, Any, tuple[int, ...]]] = [
    ("GET", "/api/bookings", None, (401, 200, 200, 200, 200, 200)),
    ("GET", "/api/bookings?role=tutor", None, (401, 403, 200, 403, 200, 403)),
    ("GET", BOOKING, None, (401, 200, 200, 404, 404, 200)),
    ("GET", f"{BOOKING}/calendar.ics", None, (401, 200, 200, 404, 404, 200)),
    ("POST", f"{BOOKING}/cancel", {}, (401, 200, 200, 404, 404, 403)),
    ("POST", f"{BOOKING}/reschedule", RESCHEDULE, (401, 200, 200, 404, 404, 403)),
    ("POST", f"{DECIDING}/confirm", None, (401, 403, 200, 403, 404, 403)),
    ("POST", f"{DECIDING}/decline", {}, (401, 403, 200, 403, 404, 403)),
    ("POST", f"{DECIDING}/mark-no-show-student", None, (401, 403, 400, 403, 404, 403)),
    ("POST", f"{DECIDING}/mark-no-show-tutor", None, (401, 403, 403, 403, 403, 400)),
    ("POST", "/api/packages", PACKAGE, (401, 403, 201, 403, 201, 403)),
    ("GET", "/api/packages", None, (401, 200, 200, 200, 200, 200)),
    ("PATCH", "/api/packages/{package}", {"price": 150}, (401, 403, 200, 403, 404, 403)),
    ("DELETE", "/api/packages/{package}", None, (401, 403, 204, 403, 404, 403)),
    ("POST", "/api/packages/{package}/purchase", None, (401, 201, 403, 201, 403, 403)),
    ("PATCH", "/api/packages/{package}/use-credit", None, (401, 403, 200, 403, 404, 200)),
    ("GET", "/api/packages/purchases", None, (401, 200, 200, 200, 200, 200)),
    ("POST", "/api/packages/purchases/{purchase}/refund", None, (401, 403, 200, 403, 404, 200)),
    (
        "GET",
        SLOTS,
        None,
        (401, 200, 200, 200, 200, 200),
    ),
    ("GET", "/api/tutors/{tutor}/reviews", None, (200, 200, 200, 200, 200, 200)),
    ("GET", "/api/reviews/tutors/{tutor}", None, (200, 200, 200, 200, 200, 200)),
    ("POST", "/api/reviews", {"booking_id": "{completed}", "rating": 5}, (401, 201, 403, 404, 403, 403)),
    ("PATCH", "/api/reviews/{review}", {"rating": 4}, (401, 200, 403, 404, 403, 403)),
    ("POST", "/api/reviews/{review}/response", {"response": "Thank you"}, (401, 403, 201, 403, 404, 403)),
    ("GET", "/internal/bookings/{booking}", None, (404, 404, 404, 404, 404, 404)),
]


class Scene:
    """A lesson to come, a completed one, a reviewed one, and a bought package."""

    tutor: Tutor
    student: Student
    ids: dict[str, int]
    people: dict[str, httpx.AsyncClient]

    @classmethod
    async def of(cls, service: Harness) -> "Scene":
        scene = cls()
        scene.tutor, scene.student = await a_tutor(service), await a_student(service)
        package = (await scene.tutor.client.post("/api/packages", json=PACKAGE)).json()["id"]
        reviewed = await a_completed_lesson(service, scene.tutor, scene.student, 3)
        review = await scene.student.client.post("/api/reviews", json={"booking_id": reviewed["id"], "rating": 5})
        scene.ids = {
            "tutor": scene.tutor.id,
            "package": package,
            "purchase": (await scene.student.client.post(f"/api/packages/{package}/purchase")).json()["id"],
            "completed": (await a_completed_lesson(service, scene.tutor, scene.student, 2))["id"],
            "review": review.json()["id"],
            "booking": (await scene.student.books(scene.tutor, in_days(5)))["id"],
        }
        scene.people = {
            "nobody": service.client(),
            "student": scene.student.client,
            "tutor": scene.tutor.client,
            "other student": (await a_student(service)).client,
            "other tutor": (await a_tutor(service)).client,
            "admin": service.person(next_id(), "admin"),
        }
        return scene

    def fill(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.fill(inner) for key, inner in value.items()}
        if not isinstance(value, str):
            return value
        filled = value.format(**self.ids)
        return int(filled) if filled.isdigit() else filled


@pytest.mark.parametrize(("method", "path", "body", "statuses"), MATRIX, ids=[f"{m} {p}" for m, p, *_ in MATRIX])
async def test_everybody_is_answered_as_the_matrix_says(
    service: Harness, method: str, path: str, body: Any, statuses: tuple[int, ...]
) -> None:
    scene, answers = await Scene.of(service), []
    for who, status in zip(EVERYBODY, statuses, strict=True):
        answer = await scene.people[who].request(method, scene.fill(path), json=scene.fill(body))
        answers.append(answer.status_code)
        if status < 300 and method != "GET":
            scene = await Scene.of(service)  # the next one finds everything as this one did

    assert tuple(answers) == statuses


@pytest.mark.parametrize("role", ["tutor", "admin"])
async def test_only_students_book(service: Harness, role: str) -> None:
    tutor = await a_tutor(service)

    answer = await service.person(next_id(), role).post("/api/bookings", json=request(tutor, in_days(3)))

    assert answer.status_code == 403


async def test_no_lesson_is_found_under_a_number_that_is_none(service: Harness) -> None:
    student = await a_student(service)

    statuses = [(await student.client.get(f"/api/bookings/{n}")).status_code for n in ("0", "-1", "x", 2**63, 999)]

    assert statuses == [422, 422, 422, 422, 404]
