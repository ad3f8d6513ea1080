"""Lists, calendar files, and what other services are told of the state of lessons."""

from datetime import datetime, timedelta

import icalendar
import pytest

from services.bookings import jobs
from services.bookings.resync import resync
from tests.harness import Harness
from tests.services.bookings.people import a_completed_lesson, a_student, a_tutor, clock, in_days, work


async def test_lists_hold_what_their_filter_says_in_the_right_order(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    completed = await a_completed_lesson(service, tutor, student, days_ago=3)
    with clock(service, in_days(-10)):
        expired = await student.books(tutor, in_days(-5))
    await work(service, jobs.expire_requests)
    later, sooner = await student.books(tutor, in_days(6)), await student.books(tutor, in_days(4))
    await tutor.confirms(sooner["id"])
    cancelled = await student.books(tutor, in_days(5))
    await student.client.post(f"/api/bookings/{cancelled['id']}/cancel")

    async def listed(status: str | None) -> list[int]:
        query = {"status": status} if status else {}
        found = (await student.client.get("/api/bookings", params=query)).json()
        as_tutor = (await tutor.client.get("/api/bookings", params=query | {"role": "tutor"})).json()
        assert as_tutor == found
        assert found["total"] == len(found["bookings"])
        return [b["id"] for b in found["bookings"]]

    assert await listed("upcoming") == [sooner["id"], later["id"]]
    assert await listed("pending") == [later["id"]]
    assert await listed("completed") == [completed["id"]]
    assert await listed("cancelled") == [cancelled["id"], expired["id"]]
    assert await listed(None) == [later["id"], cancelled["id"], sooner["id"], completed["id"], expired["id"]]


async def test_a_row_of_a_list_is_as_the_reference_says(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))

    answer = (await student.client.get("/api/bookings")).json()

    assert {k: answer[k] for k in ("total", "page", "page_size", "total_pages")} == {
        "total": 1,
        "page": 1,
        "page_size": 20,
        "total_pages": 1,
    }
    expected = {
        "id": booking["id"],
        "tutor_name": "John Tutor",
        "student_name": "Jane Student",
        "start_time": booking["start_time"],
        "status": "PENDING",
        "price": 45.0,
    }
    assert answer["bookings"][0].items() >= expected.items()


async def test_lists_are_paged_to_the_end_and_beyond(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    ids = [(await student.books(tutor, in_days(3 + n)))["id"] for n in range(5)]

    pages = [(await student.client.get(f"/api/bookings?status=upcoming&page={n}&page_size=2")).json() for n in (1, 2, 3, 4)]

    assert [[b["id"] for b in page["bookings"]] for page in pages] == [ids[:2], ids[2:4], ids[4:], []]
    assert {(page["total"], page["total_pages"]) for page in pages} == {(5, 3)}


@pytest.mark.parametrize("query", ["status=done", "role=admin", "page=0", "page_size=101", "page_size=0"])
async def test_an_impossible_query_is_422(service: Harness, query: str) -> None:
    student = await a_student(service)

    assert (await student.client.get(f"/api/bookings?{query}")).status_code == 422


async def test_a_lesson_that_goes_on_is_upcoming_until_it_ends(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await tutor.confirms(booking["id"])

    totals = []
    for minutes in (59, 60):
        with clock(service, in_days(3) + timedelta(minutes=minutes)):
            totals.append((await student.client.get("/api/bookings?status=upcoming")).json()["total"])

    assert totals == [1, 0]


async def test_a_lesson_can_be_put_into_a_calendar(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3), subject_id=1)
    await tutor.confirms(booking["id"])

    answer = await student.client.get(f"/api/bookings/{booking['id']}/calendar.ics")

    assert answer.headers["content-type"].startswith("text/calendar")
    (event,) = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert event.decoded("dtstart") == in_days(3)
    assert event.decoded("dtend") == in_days(3) + timedelta(hours=1)
    assert (event["status"], event["sequence"], str(event["uid"])) == ("CONFIRMED", 1, f"booking-{booking['id']}@edustream")
    assert str(event["summary"]) == "Mathematics: Jane Student with John Tutor"
    assert str(event["url"]).startswith("https://")


async def test_a_cancelled_lesson_is_cancelled_in_the_calendar(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))
    await student.client.post(f"/api/bookings/{booking['id']}/cancel")

    answer = await student.client.get(f"/api/bookings/{booking['id']}/calendar.ics")

    (event,) = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert event["status"] == "CANCELLED"


async def test_another_service_may_ask_for_the_state_of_a_lesson(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await student.books(tutor, in_days(3))

    answer = await service.internal().get(f"/internal/bookings/{booking['id']}")

    assert answer.status_code == 200
    assert answer.json().items() >= {"booking_id": booking["id"], "version": 1, "student_id": student.user_id}.items()
    assert (await service.internal().get("/internal/bookings/999999")).status_code == 404


async def test_resync_says_everything_again_as_it_is(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking = await a_completed_lesson(service, tutor, student)
    await student.client.post("/api/reviews", json={"booking_id": booking["id"], "rating": 4})
    package = (await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 200})).json()
    await student.client.post(f"/api/packages/{package['id']}/purchase")
    said = len(await service.outbox())

    await work(service, resync)

    again = (await service.outbox())[said:]
    assert [(e["type"], e["data"]["version"]) for e in again] == [
        ("bookings.booking.snapshotted.v1", 3),
        ("bookings.package.changed.v1", 1),
        ("bookings.rating.changed.v1", 1),
    ]
    assert datetime.fromisoformat(again[0]["data"]["start_at"]) == datetime.fromisoformat(booking["start_time"])


@pytest.mark.parametrize(
    ("side", "entity"), [("owned", "booking"), ("owned", "purchase"), ("replicas", "user"), ("replicas", "tutor")]
)
async def test_everything_can_be_compared_field_by_field(service: Harness, side: str, entity: str) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    await student.books(tutor, in_days(3))
    package = (await tutor.client.post("/api/packages", json={"name": "Five", "session_count": 5, "price": 200})).json()
    await student.client.post(f"/api/packages/{package['id']}/purchase")
    other_service = service.internal()
    manifest = (await other_service.get("/internal/integrity")).json()
    fields = next(part["fields"] for part in manifest[side] if part["entity"] == entity)

    blocks = (await other_service.post(f"/internal/integrity/{side}/{entity}/blocks", json={"fields": fields})).json()

    assert sum(block["count"] for block in blocks) == (2 if entity == "user" else 1)


async def test_what_is_said_again_of_a_lesson_says_when_it_was_first_answered(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    answered, open_ = await student.books(tutor, in_days(3)), await student.books(tutor, in_days(4))
    first = in_days(-1)
    with clock(service, first):
        await tutor.confirms(answered["id"])
    await student.client.post(f"/api/bookings/{answered['id']}/reschedule", json={"new_start_time": in_days(5).isoformat()})
    await tutor.confirms(answered["id"])

    ids = [answered["id"], open_["id"]]
    await service.internal().post("/internal/integrity/owned/booking/resend", json={"ids": ids})
    asked = [(await service.internal().get(f"/internal/bookings/{id_}")).json()["answered_at"] for id_ in ids]

    said = [e["data"]["answered_at"] for e in await service.outbox("bookings.booking.snapshotted.v1")]
    assert [at and datetime.fromisoformat(at) for at in said] == [first, None]
    assert asked == said
    told = (await service.outbox("bookings.booking.confirmed.v1"))[0]["time"]
    assert datetime.fromisoformat(told) == first  # the same for whoever heard it then


async def test_what_differs_elsewhere_is_said_again(service: Harness) -> None:
    tutor, student = await a_tutor(service), await a_student(service)
    booking, other = await student.books(tutor, in_days(3)), await student.books(tutor, in_days(4))

    await service.internal().post("/internal/integrity/owned/booking/resend", json={"ids": [other["id"], 999_999]})

    (event,) = await service.outbox("bookings.booking.snapshotted.v1")
    assert event["data"]["booking_id"] == other["id"] != booking["id"]
