"""Situations of lessons, reviews and packages."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.bookings.rules.lessons import MOST_RESCHEDULES
from shared.types import format_instant
from tests.e2e import past
from tests.e2e.past import Pair
from tests.e2e.people import approved_tutor
from tests.e2e.stage import Known, Stage
from tests.waiting import eventually

PACKAGE: dict[str, Any] = {
    "name": "5-Session Math Package",
    "session_count": 5,
    "price": 200.0,
    "duration_minutes": 60,
    "validity_days": 90,
}
REVIEW = {"rating": 5, "comment": "Excellent session! Very helpful and patient."}
DAY = 24  # hours


class Lessons(Stage):
    """Between the student and the tutor, for the most part."""

    async def a_pending_booking(self) -> Known:
        return {"booking": await self.student.books(self.tutor_id, self.free_time(), subject_id=self.known["subject_id"])}

    async def a_confirmed_booking(self) -> Known:
        known = await self.a_pending_booking()
        await self.tutor.call("POST", f"/api/tutor/bookings/{known['booking']['id']}/confirm")
        return known

    async def a_completed_booking(self) -> Known:
        return await self._known_booking(await past.completed_lesson(self._bookings, self._pair, self.hours_ago()))

    async def a_lesson_of_long_ago(self) -> Known:
        return await self._known_booking(await past.completed_lesson(self._bookings, self._pair, 100 * DAY + self.hours_ago()))

    async def a_lesson_under_way(self) -> Known:
        return await self._known_booking(await past.lesson_under_way(self._bookings, self._pair))

    async def a_lesson_soon(self) -> Known:
        start_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=4)
        return {"booking": await self.student.books(self.tutor_id, format_instant(start_at))}

    async def a_lesson_moved_three_times(self) -> Known:
        known = await self.a_pending_booking()
        for _ in range(MOST_RESCHEDULES):
            body = {"new_start_time": self.free_time()}
            await self.student.call("POST", f"/api/bookings/{known['booking']['id']}/reschedule", json=body)
        return known

    async def another_booking(self) -> Known:
        return {"other_booking": (await self.a_pending_booking())["booking"]}

    async def a_day_off(self) -> Known:
        day = (datetime.now(UTC) + timedelta(days=160)).date()
        await self.tutor.call("POST", "/api/tutors/availability/exceptions", 201, json={"start_date": str(day)})
        slots = f"/api/tutors/{self.tutor_id}/available-slots"

        async def known_to_bookings() -> bool:
            return not await self.student.get(slots, start_date=str(day), end_date=str(day))

        await eventually(known_to_bookings)
        return {"time_off": f"{day}T17:00:00.000Z"}

    async def a_review(self) -> Known:
        known = await self.a_completed_booking()
        body = REVIEW | {"booking_id": known["booking"]["id"]}
        return known | {"review": await self.student.call("POST", "/api/reviews", 201, json=body)}

    async def an_old_review(self) -> Known:
        return {"review": {"id": await past.old_review(self._bookings, self._pair, 10 * DAY + self.hours_ago())}}

    async def an_answered_review(self) -> Known:
        known = await self.a_review()
        body = {"response": "Thank you for the kind words!"}
        await self.tutor.call("POST", f"/api/reviews/{known['review']['id']}/response", 201, json=body)
        return known

    async def a_package(self) -> Known:
        return {"package": await self.tutor.call("POST", "/api/packages", 201, json=PACKAGE)}

    async def a_purchase(self) -> Known:
        known = await self.a_package()
        path = f"/api/packages/{known['package']['id']}/purchase"
        return known | {"purchase": await self.student.call("POST", path, 201)}

    async def a_used_up_purchase(self) -> Known:
        known = await self.a_purchase()
        for _ in range(PACKAGE["session_count"]):
            await self.tutor.call("PATCH", f"/api/packages/{known['purchase']['id']}/use-credit")
        return known

    async def a_package_of_two_students(self) -> Known:
        known = await self.a_purchase() | await self.somebody()
        await known["someone"].call("POST", f"/api/packages/{known['package']['id']}/purchase", 201)
        return known

    async def a_tutor_who_charges_yen(self) -> Known:
        known = await self.a_new_tutor()
        newcomer = known["newcomer"]
        await newcomer.call("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": 500, "currency": "JPY"})

        async def in_yen() -> dict[str, Any]:
            package: dict[str, Any] = await newcomer.call("POST", "/api/packages", 201, json=PACKAGE)
            return package if package["currency"] == "JPY" else {}

        return known | {"package": await eventually(in_yen)}

    async def a_tutor_who_stopped(self) -> Known:
        """With a lesson to come and a package on offer."""
        tutor, tutor_id = await approved_tutor(self.gateway, self.admin, "Stella")
        booking = await self.student.books(tutor_id, self.free_time())
        package = await tutor.call("POST", "/api/packages", 201, json=PACKAGE)
        await self.admin.call("POST", f"/api/admin/tutors/{tutor_id}/reject", json={"rejection_reason": "As she wished."})

        async def known_to_bookings() -> bool:
            return (await self.student.client.get(f"/api/reviews/tutors/{tutor_id}")).status_code == 404

        await eventually(known_to_bookings)
        return {"booking": booking, "package": package}

    @property
    def _bookings(self) -> str:
        return self.databases["bookings"].runtime

    @property
    def _pair(self) -> Pair:
        return Pair(self.student.id, self.tutor.id, self.tutor_id)

    async def _known_booking(self, booking_id: int) -> Known:
        return {"booking": await self.student.get(f"/api/bookings/{booking_id}")}
