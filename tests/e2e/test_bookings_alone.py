"""Bookings needs nobody: with profiles and accounts down, slots are shown, lessons booked, confirmed and cancelled."""

from deploy.local.suite import Suite
from tests.e2e.people import Person, approved_tutor, registers
from tests.waiting import eventually


async def test_bookings_go_on_while_profiles_and_auth_are_down(suite: Suite, gateway: str, administrator: Person) -> None:
    tutor, tutor_id = await approved_tutor(gateway, administrator)
    student = await registers(gateway)
    slots = await student.sees_slots(tutor_id)
    first, second = slots[0], slots[-1]

    async def refused(path: str) -> bool:
        return (await student.client.get(path)).status_code == 503

    for name in ("profiles", "auth"):
        await suite.pause(name)
    try:
        await eventually(lambda: refused("/auth/me"))
        await eventually(lambda: refused(f"/api/tutors/{tutor_id}/public"))

        assert first in await student.sees_slots(tutor_id)
        booking = await student.books(tutor_id, first["start_time"])
        other = await student.books(tutor_id, second["start_time"])
        confirmed = await tutor.call("POST", f"/api/tutor/bookings/{booking['id']}/confirm")
        cancelled = await student.call("POST", f"/api/bookings/{other['id']}/cancel", json={"reason": "Ill."})
        assert (confirmed["status"], cancelled["status"]) == ("CONFIRMED", "CANCELLED")
        assert [b["id"] for b in (await student.get("/api/bookings", status="upcoming"))["bookings"]] == [booking["id"]]
        assert confirmed["price_student"] == 45.0
        await student.notified_of("booking_confirmed")
    finally:
        for name in ("auth", "profiles"):
            suite.resume(name)
        await suite.wait_ready()

    assert (await student.get("/auth/me"))["id"] == student.id
