"""Reviews, answers to them, and the ratings they sum up to."""

from datetime import timedelta
from typing import Any

import pytest

from tests.harness import Harness
from tests.services.bookings.people import (
    Student,
    Tutor,
    a_completed_lesson,
    a_student,
    a_tutor,
    clock,
    deactivated,
    in_days,
    next_id,
    purged,
)


async def a_review(service: Harness, tutor: Tutor, rating: int = 5, **more: Any) -> tuple[Student, dict[str, Any]]:
    student = await a_student(service)
    booking = await a_completed_lesson(service, tutor, student, days_ago=2)
    answer = await student.client.post("/api/reviews", json={"booking_id": booking["id"], "rating": rating} | more)
    assert answer.status_code == 201, answer.text
    review: dict[str, Any] = answer.json()
    return student, review


async def last_rating(service: Harness) -> tuple[str, int, int]:
    data = (await service.outbox("bookings.rating.changed.v1"))[-1]["data"]
    return data["average_rating"], data["total_reviews"], data["version"]


async def test_a_review_is_answered_as_the_reference_says(service: Harness) -> None:
    tutor = await a_tutor(service)

    student, review = await a_review(service, tutor, comment="Excellent session!")

    expected = {"tutor_id": tutor.id, "student_id": student.user_id, "rating": 5, "comment": "Excellent session!"}
    assert review.items() >= expected.items()
    (event,) = await service.outbox("bookings.review.received.v1")
    assert event["data"]["review_id"] == review["id"]


async def test_a_lesson_that_has_ended_can_be_reviewed_before_the_worker_notices(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    with clock(service, in_days(-3)):
        booking = await student.books(tutor, in_days(-1))
        await tutor.confirms(booking["id"])

    answer = await student.client.post("/api/reviews", json={"booking_id": booking["id"], "rating": 5})

    assert answer.status_code == 201


async def test_only_completed_lessons_are_reviewed_and_not_for_ever(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    to_come, past = await student.books(tutor, in_days(3)), await a_completed_lesson(service, tutor, student)

    early = await student.client.post("/api/reviews", json={"booking_id": to_come["id"], "rating": 5})
    with clock(service, in_days(89)):
        late = await student.client.post("/api/reviews", json={"booking_id": past["id"], "rating": 5})

    assert (early.status_code, early.json()["code"]) == (400, "not_completed")
    assert (late.status_code, late.json()["code"]) == (400, "review_too_late")


@pytest.mark.parametrize("rating", [0, 6, 4.5, "5", None, True])
async def test_a_rating_is_one_to_five_and_whole(service: Harness, rating: Any) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await a_completed_lesson(service, tutor, student)

    answer = await student.client.post("/api/reviews", json={"booking_id": booking["id"], "rating": rating})

    assert answer.status_code == 422


async def test_ratings_sum_up_reviews_and_follow_their_edits(service: Harness) -> None:
    tutor = await a_tutor(service)

    await a_review(service, tutor, 5)
    assert await last_rating(service) == ("5.00", 1, 1)
    await tutor.changes()
    student, review = await a_review_on_another_day(service, tutor, 4)
    assert await last_rating(service) == ("4.50", 2, 2)
    await student.client.patch(f"/api/reviews/{review['id']}", json={"rating": 1})
    assert await last_rating(service) == ("3.00", 2, 3)
    await student.client.patch(f"/api/reviews/{review['id']}", json={"comment": "On second thoughts"})
    assert await last_rating(service) == ("3.00", 2, 3)


async def a_review_on_another_day(service: Harness, tutor: Tutor, rating: int) -> tuple[Student, dict[str, Any]]:
    student = await a_student(service)
    booking = await a_completed_lesson(service, tutor, student, days_ago=5)
    answer = await student.client.post("/api/reviews", json={"booking_id": booking["id"], "rating": rating})
    return student, answer.json()


async def test_a_review_can_be_edited_for_a_week(service: Harness) -> None:
    student, review = await a_review(service, await a_tutor(service), comment="Good")
    path = f"/api/reviews/{review['id']}"

    with clock(service, in_days(0) + timedelta(days=6)):
        edited = await student.client.patch(path, json={"rating": 3})
    with clock(service, in_days(0) + timedelta(days=9)):
        late = await student.client.patch(path, json={"rating": 2})

    assert (edited.json()["rating"], edited.json()["comment"]) == (3, "Good")
    assert (late.status_code, late.json()["code"]) == (400, "edit_too_late")


async def test_an_edit_that_changes_nothing_is_told_to_nobody(service: Harness) -> None:
    student, review = await a_review(service, await a_tutor(service), comment="Good")
    said = len(await service.outbox())

    for nothing in ({}, {"rating": 5}, {"comment": " Good "}):
        answer = await student.client.patch(f"/api/reviews/{review['id']}", json=nothing)
        assert (answer.status_code, answer.json()) == (200, review)

    assert len(await service.outbox()) == said


async def test_reviews_of_a_tutor_who_is_not_shown_are_not_either(service: Harness) -> None:
    tutor, rejected = await a_tutor(service), await a_tutor(service)
    await a_review(service, tutor)
    await a_review(service, rejected)
    await deactivated(service, tutor.user_id, "tutor")
    await rejected.changes(status="rejected")

    for tutor_id in (tutor.id, rejected.id):
        for page in (1, 2):
            assert (await service.client().get(f"/api/reviews/tutors/{tutor_id}?page={page}")).status_code == 404


async def test_reviews_of_a_tutor_who_is_not_shown_are_seen_by_the_tutor_and_administrators(service: Harness) -> None:
    tutor, stranger = await a_tutor(service), await a_tutor(service)
    student, review = await a_review(service, tutor)
    await tutor.changes(status="rejected")

    for path in (f"/api/reviews/tutors/{tutor.id}", f"/api/tutors/{tutor.id}/reviews"):
        for client in (tutor.client, service.person(next_id(), "admin")):
            assert [found["id"] for found in (await client.get(path)).json()] == [review["id"]]
        for client in (stranger.client, student.client):
            assert (await client.get(path)).status_code == 404


async def test_the_tutor_answers_once(service: Harness) -> None:
    tutor = await a_tutor(service)
    _, review = await a_review(service, tutor)
    path = f"/api/reviews/{review['id']}/response"

    first, again = [await tutor.client.post(path, json={"response": text}) for text in ("Thank you!", "Thanks again!")]

    assert (first.status_code, first.json()["tutor_response"]) == (201, "Thank you!")
    assert (again.status_code, again.json()["code"]) == (409, "already_answered")


async def test_reviews_are_listed_newest_first_under_a_short_name_at_both_addresses(service: Harness) -> None:
    tutor = await a_tutor(service)
    _, older = await a_review(service, tutor)
    _, newer = await a_review_on_another_day(service, tutor, 3)

    lists = [
        (await service.client().get(path)).json()
        for path in (f"/api/reviews/tutors/{tutor.id}", f"/api/tutors/{tutor.id}/reviews")
    ]

    assert lists[0] == lists[1]
    assert [r["id"] for r in lists[0]] == [newer["id"], older["id"]]
    assert lists[0][0]["student_name"] == "Jane S."
    assert "student_id" not in lists[0][0]
    page = (await service.client().get(f"/api/tutors/{tutor.id}/reviews?page=2&page_size=1")).json()
    assert [r["id"] for r in page] == [older["id"]]


async def test_an_unknown_tutor_has_no_list_of_reviews_and_a_new_one_an_empty_one(service: Harness) -> None:
    tutor = await a_tutor(service)

    assert (await service.client().get(f"/api/tutors/{tutor.id}/reviews")).json() == []
    assert (await service.client().get(f"/api/tutors/{next_id()}/reviews")).status_code == 404


async def test_a_purged_student_leaves_no_name(service: Harness) -> None:
    tutor = await a_tutor(service)
    student, _ = await a_review(service, tutor)
    await deactivated(service, student.user_id)
    await purged(service, student.user_id)

    (review,) = (await service.client().get(f"/api/tutors/{tutor.id}/reviews")).json()

    assert review["student_name"] == "Deleted user"
