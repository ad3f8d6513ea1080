"""One lesson from sign-up to notification, as people live it, on any EduStream that answers at an address."""

from tests.e2e.people import Person, registers
from tests.waiting import eventually


async def one_lesson(gateway: str, administrator: Person) -> tuple[Person, Person]:
    """The student and the tutor afterwards."""
    student, tutor = await registers(gateway, "student", "Jane"), await registers(gateway, "tutor", "John")

    tutor_id = await tutor.fills_profile()
    assert (await tutor.call("POST", "/api/tutors/me/submit"))["status"] == "pending_approval"
    pending = await administrator.get("/api/admin/tutors/pending")
    assert tutor_id in [profile["id"] for profile in (pending["items"] if isinstance(pending, dict) else pending)]
    assert (await administrator.call("POST", f"/api/admin/tutors/{tutor_id}/approve"))["status"] == "approved"
    await tutor.notified_of("tutor_approved")

    found = await student.get("/api/tutors", search="Experienced Math", page_size=100)
    assert tutor_id in [profile["id"] for profile in found["items"]]
    slot = (await student.sees_slots(tutor_id))[0]
    assert slot["is_available"] is True

    async with student.online() as at_student, tutor.online() as at_tutor:
        booking = await student.books(tutor_id, slot["start_time"], notes_student="Quadratic equations, please.")
        assert (booking["status"], booking["price_student"], booking["currency"]) == ("PENDING", 45.0, "USD")
        assert booking["tutor"]["name"] == "John Doe"
        await tutor.notified_of("booking_requested")
        await at_tutor.hears("booking_update", booking_id=booking["id"], status="PENDING")

        confirmed = await tutor.call("POST", f"/api/tutor/bookings/{booking['id']}/confirm")
        assert confirmed["status"] == "CONFIRMED"
        await at_student.hears("booking_update", booking_id=booking["id"], status="CONFIRMED")
        told = await student.notified_of("booking_confirmed")
        assert told["data"]["booking_id"] == booking["id"]

        text = {"recipient_id": tutor.id, "message": "See you on Monday!", "booking_id": booking["id"]}
        sent = await student.call("POST", "/api/messages", 201, json=text)
        heard = await at_tutor.hears("new_message", message_id=sent["id"])
        assert (heard["sender_id"], heard["message"]) == (student.id, "See you on Monday!")
        await tutor.notified_of("new_message")

    threads = await tutor.get("/api/messages/threads")
    assert [(t["other_user_id"], t["last_message"], t["unread_count"]) for t in threads] == [(student.id, text["message"], 1)]
    conversation = await tutor.get(f"/api/messages/threads/{student.id}")
    assert [m["message"] for m in conversation["messages"]] == [text["message"]]
    assert (await student.get("/api/bookings", status="upcoming"))["bookings"][0]["id"] == booking["id"]

    async def audited() -> bool:
        logs = await administrator.get("/api/audit/logs", page_size=100)
        return any(entry["action"] == "tutor_approved" and entry["details"] for entry in logs)

    await eventually(audited)
    return student, tutor
