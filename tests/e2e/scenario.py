"""A student, a tutor and an administrator, and situations between them, each made when it is needed."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from shared.types import format_instant
from tests.e2e.files import file
from tests.e2e.past import completed_lesson
from tests.e2e.people import Person, approved_tutor, registers
from tests.waiting import eventually

Known = dict[str, Any]
DEGREE = {"degree": "Master of Education", "institution": "University of Example", "year": 2015}
WINDOW = {"day_of_week": "monday", "start_time": "09:00", "end_time": "17:00"}
PACKAGE: dict[str, Any] = {
    "name": "5-Session Math Package",
    "session_count": 5,
    "price": 200.0,
    "duration_minutes": 60,
    "validity_days": 90,
}
REVIEW = {"rating": 5, "comment": "Excellent session! Very helpful and patient."}


class Scenario:
    """Each situation is a method named like it, which brings it about through the API and tells what is known then."""

    def __init__(self, gateway: str, bookings_url: str, student: Person, tutor: Person, admin: Person, known: Known) -> None:
        self.gateway, self._bookings_url = gateway, bookings_url
        self.student, self.tutor, self.admin = student, tutor, admin
        self.tutor_id: int = known["tutor_id"]
        self._known = known
        self._hours = itertools.count(72, 2)
        self._hours_ago = itertools.count(3, 2)

    @classmethod
    async def begin(cls, gateway: str, bookings_url: str, admin: Person) -> "Scenario":
        student = await registers(gateway, "student", "Jane")
        tutor, tutor_id = await approved_tutor(gateway, admin, "John")
        await tutor.call("PUT", "/api/tutors/me/education", json={"education": [DEGREE]})
        subjects = await student.get("/api/subjects")
        today = datetime.now(UTC).date()
        known = {
            "gateway": gateway.replace("127.0.0.1", "localhost"),
            "student": student,
            "tutor": tutor,
            "admin": admin,
            "tutor_id": tutor_id,
            "subject_id": subjects[0]["id"],
            "other_subject_id": subjects[1]["id"],
            "first_day": str(today + timedelta(days=2)),
            "last_day": str(today + timedelta(days=4)),
        }
        return cls(gateway, bookings_url, student, tutor, admin, known)

    async def given(self, situations: tuple[str, ...]) -> Known:
        """Brings all of these about; what is known then, with a time at which the student and the tutor are free."""
        known = self._known | {"free_time": self._free_time(), "long_text": "long " * 120}
        for situation in situations:
            known |= await getattr(self, situation.replace("-", "_").replace(" ", "_"))()
        return known

    async def a_new_address(self) -> Known:
        return {"address": f"student.{uuid4().hex[:12]}@example.com"}

    async def a_new_name(self) -> Known:
        return {"name": f"Advanced Physics {uuid4().hex[:8]}"}

    # Accounts

    async def somebody(self) -> Known:
        return {"someone": await registers(self.gateway, "student", "Robin")}

    async def somebody_with_a_phone(self) -> Known:
        known = await self.somebody()
        await known["someone"].call("PUT", "/auth/me", json={"phone": "+12025550123", "timezone": "America/New_York"})
        return known

    async def somebody_with_a_picture(self) -> Known:
        known = await self.somebody()
        put = await known["someone"].call("POST", "/api/users/me/avatar", 201, files={"file": file("photo.png")})
        return known | {"picture": put["avatar_url"]}

    async def somebody_who_forgot_the_password(self) -> Known:
        known = await self.somebody()
        for _ in range(10):
            wrong = {"email": known["someone"].email, "password": "password124"}
            await self.student.call("POST", "/auth/login", 401, json=wrong)
        return known

    async def a_deleted_user(self) -> Known:
        known = await self.somebody()
        await self.admin.call("DELETE", f"/api/admin/users/{known['someone'].id}", 204)
        return known

    async def a_change_of_role(self) -> Known:
        known = await self.somebody()
        await self.admin.call("PUT", f"/api/admin/users/{known['someone'].id}", json={"role": "tutor"})
        return known

    # Profiles

    async def a_new_tutor(self) -> Known:
        newcomer = await registers(self.gateway, "tutor", "Nadia")
        return {"newcomer": newcomer, "newcomer_id": (await newcomer.get("/api/tutors/me/profile"))["id"]}

    async def a_tutor_with_a_whole_profile(self) -> Known:
        known = await self.a_new_tutor()
        await known["newcomer"].fills_profile()
        return known

    async def a_tutor_who_waits(self) -> Known:
        known = await self.a_tutor_with_a_whole_profile()
        await known["newcomer"].call("POST", "/api/tutors/me/submit")
        return known

    async def a_window(self) -> Known:
        known = await self.a_new_tutor()
        return known | {"window": await known["newcomer"].call("POST", "/api/tutors/availability", 201, json=WINDOW)}

    async def a_student_with_a_whole_profile(self) -> Known:
        known = await self.somebody()
        profile = {"phone": "+1 202 555 0123", "bio": "Busy high-schooler prepping for SAT math.", "grade_level": "High School",
                   "school_name": "Roosevelt High", "learning_goals": "Improve calculus skills for college entrance",
                   "interests": "Math club, robotics", "preferred_language": "en", "timezone": "America/New_York"}  # fmt: skip
        await known["someone"].call("PATCH", "/api/profile/student/me", json=profile)
        return known

    async def a_favorite(self) -> Known:
        known = await self.somebody()
        await known["someone"].call("POST", f"/api/students/favorites/{self.tutor_id}", 201)
        return known

    async def a_subject(self) -> Known:
        body = {"name": f"Physics {uuid4().hex[:8]}", "category": "STEM", "description": "University-level physics"}
        return {"subject": await self.admin.call("POST", "/api/subjects", 201, json=body)}

    # Bookings

    async def a_pending_booking(self) -> Known:
        return {"booking": await self.student.books(self.tutor_id, self._free_time(), subject_id=self._known["subject_id"])}

    async def a_confirmed_booking(self) -> Known:
        known = await self.a_pending_booking()
        await self.tutor.call("POST", f"/api/tutor/bookings/{known['booking']['id']}/confirm")
        return known

    async def a_completed_booking(self) -> Known:
        people = self.student.id, self.tutor.id, self.tutor_id
        booking = await completed_lesson(self._bookings_url, *people, hours_ago=next(self._hours_ago))
        return {"booking": await self.student.get(f"/api/bookings/{booking}")}

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

    # Messages and notifications

    async def a_message_to_the_student(self) -> Known:
        body = {"recipient_id": self.student.id, "message": "See you tomorrow!"}
        return {"message": await self.tutor.call("POST", "/api/messages", 201, json=body)}

    async def somebody_who_blocks_the_student(self) -> Known:
        known = await self.somebody()
        await known["someone"].call("POST", f"/api/messages/blocks/{self.student.id}", 201)
        return known

    async def an_attachment(self) -> Known:
        form = {"data": {"recipient_id": self.tutor.id}, "files": {"file": file("homework.pdf")}}
        message = await self.student.call("POST", "/api/messages/with-attachment", 201, **form)
        return {"message": message, "attachment": message["attachment"]}

    async def a_notification(self) -> Known:
        known = await self.a_confirmed_booking()
        told = await self.student.notified_of("booking_confirmed", booking_id=known["booking"]["id"])
        return known | {"notification": told}

    def _free_time(self) -> str:
        start_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=next(self._hours))
        return format_instant(start_at)
