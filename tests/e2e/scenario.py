"""A student, a tutor and an administrator, and situations between them, each made when it is needed."""

from uuid import uuid4

from tests import images
from tests.e2e import past
from tests.e2e.authorisation.things import in_days
from tests.e2e.files import file
from tests.e2e.lessons import PACKAGE, Lessons
from tests.e2e.people import Person
from tests.e2e.stage import Known

WINDOW = {"day_of_week": "monday", "start_time": "09:00", "end_time": "17:00"}
UNHEARD_OF = 2**53 - 2  # an id
AN_HOUR_AGO = "UPDATE messages SET created_at = created_at - interval '1 hour' WHERE id = %(id)s"


class Scenario(Lessons):
    """Every situation."""

    def person(self, who: str) -> Person:
        """`student`, `tutor` or `admin`."""
        found: Person = self.known[who]
        return found

    async def a_new_address(self) -> Known:
        return {"address": f"student.{uuid4().hex[:12]}@example.com"}

    async def a_new_name(self) -> Known:
        return {"name": f"Advanced Physics {uuid4().hex[:8]}"}

    # Accounts

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

    async def an_account_that_was_closed_a_moment_ago(self) -> Known:
        """Somebody whose token is not refused yet."""
        known = await self.somebody()
        someone = known["someone"]
        await self.admin.call("PUT", f"/api/admin/users/{someone.id}", json={"is_active": False})
        return known | {"late": self.sign_in_late(someone.id, "student")}

    async def a_tutor_who_was_a_student_a_moment_ago(self) -> Known:
        """The tutor, whose token still says student."""
        return {"late": self.sign_in_late(self.tutor.id, "student")}

    async def a_tutor_nobody_has_heard_of(self) -> Known:
        return {"late": self.sign_in_late(UNHEARD_OF, "tutor")}

    async def no_other_administrator(self) -> Known:
        others = await self.admin.get("/api/admin/users", role="admin", is_active="true")
        for other in others["items"]:
            if other["id"] != self.admin.id:
                await self.admin.call("PUT", f"/api/admin/users/{other['id']}", json={"role": "student"})
        return {}

    async def a_change_of_role(self) -> Known:
        known = await self.somebody()
        await self.admin.call("PUT", f"/api/admin/users/{known['someone'].id}", json={"role": "tutor"})
        return known

    # Profiles

    async def a_tutor_with_a_whole_profile(self) -> Known:
        known = await self.a_new_tutor()
        await known["newcomer"].fills_profile()
        return known

    async def a_tutor_who_waits(self) -> Known:
        known = await self.a_tutor_with_a_whole_profile()
        await known["newcomer"].call("POST", "/api/tutors/me/submit")
        return known

    async def a_tutor_who_gave_up_all_subjects(self) -> Known:
        """While waiting for approval."""
        known = await self.a_tutor_who_waits()
        await known["newcomer"].call("PUT", "/api/tutors/me/subjects", json={"subject_ids": []})
        return known

    async def a_window(self) -> Known:
        known = await self.a_new_tutor()
        return known | {"window": await known["newcomer"].call("POST", "/api/tutors/availability", 201, json=WINDOW)}

    async def a_full_calendar(self) -> Known:
        known = await self.a_new_tutor()
        await past.fill_calendar(self.databases["profiles"].runtime, known["newcomer_id"])
        return known

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

    # Messages and notifications

    async def a_message_to_the_student(self) -> Known:
        body = {"recipient_id": self.student.id, "message": "See you tomorrow!"}
        return {"message": await self.tutor.call("POST", "/api/messages", 201, json=body)}

    async def a_message_of_an_hour_ago(self) -> Known:
        known = await self.a_message_to_the_student()
        await self.write("messaging", AN_HOUR_AGO, id=known["message"]["id"])
        return known

    async def a_message_to_somebody_who_blocks_the_student(self) -> Known:
        known = await self.somebody()
        body = {"recipient_id": known["someone"].id, "message": "Hello?"}
        message = await self.student.call("POST", "/api/messages", 201, json=body)
        await known["someone"].call("POST", f"/api/messages/blocks/{self.student.id}", 201)
        return known | {"message": message}

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

    # Idempotency keys

    async def a_used_key(self) -> Known:
        """With which everybody has made something at each service that remembers it."""
        key, known = str(uuid4()), await self.somebody()
        package = (await self.a_package())["package"]
        used: list[tuple[Person, str, object]] = [
            (self.student, "/api/messages", {"recipient_id": self.tutor.id, "message": "Once"}),
            (self.student, f"/api/packages/{package['id']}/purchase", None),
            (self.tutor, "/api/packages", PACKAGE),
            (self.tutor, "/api/tutors/availability/exceptions", {"start_date": in_days(175)}),
            (self.admin, "/api/subjects", {"name": f"Chemistry {key[:8]}"}),
            (known["someone"], f"/api/students/favorites/{self.tutor_id}", None),
        ]
        for person, path, body in used:
            await person.call("POST", path, 201, json=body, headers={"Idempotency-Key": key})
        picture = ("me.png", images.picture(size=(8, 8)), "image/png")
        await self.student.call("POST", "/api/users/me/avatar", 201, files={"file": picture}, headers={"Idempotency-Key": key})
        return known | {"key": key}
