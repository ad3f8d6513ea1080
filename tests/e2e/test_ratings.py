"""A review reaches search within a second, and the dashboard."""

import time

from tests.e2e.past import Pair, completed_lesson
from tests.e2e.people import Person, approved_tutor, registers
from tests.servers import Databases
from tests.waiting import eventually


async def test_a_rating_reaches_search_within_a_second(gateway: str, administrator: Person, databases: Databases) -> None:
    students = [await registers(gateway) for _ in range(3)]
    tutor, tutor_id = await approved_tutor(gateway, administrator)
    taken = []
    for count, student in enumerate(students, 1):  # on a busy machine one may be late: the best of three counts
        booking_id = await completed_lesson(databases["bookings"], Pair(student.id, tutor.id, tutor_id), hours_ago=24 * count)

        await student.call("POST", "/api/reviews", 201, json={"booking_id": booking_id, "rating": 5, "comment": "Clear."})
        since = time.monotonic()

        async def rated(student: Person = student, count: int = count) -> bool:
            found = await student.get("/api/tutors", search="Experienced Math", sort="rating", page_size=100)
            return any(t["id"] == tutor_id and (t["average_rating"], t["total_reviews"]) == (5.0, count) for t in found["items"])

        await eventually(rated)
        taken.append(time.monotonic() - since)
        if taken[-1] <= 1:
            break

    assert min(taken) <= 1, taken


async def test_a_review_is_on_the_dashboard(gateway: str, administrator: Person, databases: Databases) -> None:
    tutor, tutor_id = await approved_tutor(gateway, administrator)
    student = await registers(gateway)
    booking_id = await completed_lesson(databases["bookings"], Pair(student.id, tutor.id, tutor_id), hours_ago=48)

    await student.call("POST", "/api/reviews", 201, json={"booking_id": booking_id, "rating": 5})

    async def on_the_dashboard() -> bool:
        feed = await administrator.get("/api/admin/dashboard/recent-activities")
        return any("review" in activity["type"] for activity in feed)

    await eventually(on_the_dashboard)
