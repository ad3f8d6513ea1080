"""What the routes are about: each row of the table gets things of its own, so that no row sees what another did."""

import asyncio
import io
import itertools
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from PIL import Image

from tests.e2e.authorisation.cast import Cast
from tests.e2e.people import PASSWORD, Person, registers, signs_in
from tests.waiting import eventually

DONE = """
UPDATE bookings SET status = 'COMPLETED', start_at = now() - make_interval(hours => %(hours)s + 1),
    end_at = now() - make_interval(hours => %(hours)s)
WHERE id = %(id)s
"""
LONG_DELETED = """
UPDATE accounts SET created_at = now() - interval '401 days', deleted_at = now() - interval '400 days' WHERE id = %(id)s
"""


class Things:
    """Makes a fresh thing of each kind, through the gateway where it can be done today; the past is written into databases."""

    def __init__(self, cast: Cast, gateway: str, databases: Mapping[str, str]) -> None:
        self.cast = cast
        self._gateway = gateway
        self._databases = databases
        self._hours = itertools.count()
        self._first = (datetime.now(UTC) + timedelta(days=5)).replace(minute=0, second=0, microsecond=0)
        self._makers: dict[str, Callable[[], Awaitable[int | str]]] = {
            "availability_id": self.window,
            "exception_id": self.day_off,
            "tutor_id": self.tutor,
            "booking_id": self.booking,
            "message_id": self.message,
            "attachment_id": self.attachment,
            "notification_id": self.notification,
            "package_id": self.package,
            "purchase_id": self.purchase,
            "review_id": self.review,
            "subject_id": self.subject,
            "user_id": self.somebody,
            "other_user_id": self.correspondent,
        }

    async def make(self, parameter: str) -> int | str:
        return await self._makers[parameter]()

    def hour(self) -> str:
        """An hour when nobody has a lesson yet."""
        return (self._first + timedelta(hours=next(self._hours))).isoformat()

    async def tutor(self) -> int:
        return self.cast.tutor_id

    async def pending_tutor(self) -> int:
        tutor = await registers(self._gateway, "tutor", "Pat")
        profile = await tutor.fills_profile()
        await tutor.call("POST", "/api/tutors/me/submit")
        return profile

    async def favourite(self) -> int:
        await self.cast.student.call("POST", f"/api/students/favorites/{self.cast.other_tutor_id}", 201)
        return self.cast.other_tutor_id

    async def booking(self) -> int:
        return int((await self.cast.student.books(self.cast.tutor_id, self.hour()))["id"])

    async def completed_booking(self) -> int:
        booking = await self.booking()
        await self._write("bookings", DONE, id=booking, hours=1 + next(self._hours) % 20)
        return booking

    async def review(self) -> int:
        body = {"booking_id": await self.completed_booking(), "rating": 5, "comment": "Patient and clear."}
        return await _id(self.cast.student.call("POST", "/api/reviews", 201, json=body))

    async def window(self) -> int:
        body = {"start_time": "09:00", "end_time": "10:00", "is_recurring": False, "date": in_days(170)}
        return await _id(self.cast.tutor.call("POST", "/api/tutors/availability", 201, json=body))

    async def day_off(self) -> int:
        body = {"start_date": in_days(171)}
        return await _id(self.cast.tutor.call("POST", "/api/tutors/availability/exceptions", 201, json=body))

    async def message(self) -> int:
        body = {"recipient_id": self.cast.tutor.id, "message": f"Hello {uuid4()}"}
        return await _id(self.cast.student.call("POST", "/api/messages", 201, json=body))

    async def attachment(self) -> int:
        form = {"recipient_id": str(self.cast.tutor.id)}
        files = {"file": ("notes.txt", b"two plus two", "text/plain")}
        sent = await self.cast.student.call("POST", "/api/messages/with-attachment", 201, data=form, files=files)
        return int(sent["attachment"]["id"])

    async def notification(self) -> int:
        """One of the student's."""
        booking = await self.booking()
        await self.cast.tutor.call("POST", f"/api/tutor/bookings/{booking}/confirm")

        async def look() -> list[int]:
            told = await self.cast.student.get("/api/notifications", page_size=100)
            return [n["id"] for n in told if n["type"] == "booking_confirmed" and n["data"].get("booking_id") == booking]

        return (await eventually(look))[0]

    async def package(self) -> int:
        body = {"name": f"Package {uuid4()}", "session_count": 5, "price": 200, "duration_minutes": 60, "validity_days": 90}
        return await _id(self.cast.tutor.call("POST", "/api/packages", 201, json=body))

    async def purchase(self) -> int:
        return await _id(self.cast.student.call("POST", f"/api/packages/{await self.package()}/purchase", 201))

    async def subject(self) -> int:
        return await _id(self.cast.admin.call("POST", "/api/subjects", 201, json={"name": f"Subject {uuid4()}"}))

    async def somebody(self) -> int:
        return (await registers(self._gateway, first_name="Victor")).id

    async def blocked(self) -> int:
        somebody = await self.somebody()
        await self.cast.student.call("POST", f"/api/messages/blocks/{somebody}", 201)
        return somebody

    async def deleted(self) -> int:
        gone = await self.somebody()
        await self.cast.admin.call("DELETE", f"/api/admin/users/{gone}", 204)
        return gone

    async def long_deleted(self) -> int:
        gone = await self.deleted()
        await self._write("auth", LONG_DELETED, id=gone)
        return gone

    async def correspondent(self) -> int:
        await self.message()
        return self.cast.tutor.id

    async def photo(self) -> str:
        answer = await self.cast.tutor.call("PATCH", "/api/tutors/me/photo", files=picture())
        return str(answer["photo_url"]).rpartition("/")[2]

    async def spare(self, column: str) -> Person:
        """Somebody of the same kind whose sessions may end."""
        person = await registers(self._gateway, "tutor" if "tutor" in column else "student", "Sam")
        if column != "admin":
            return person
        await self.cast.admin.call("PUT", f"/api/admin/users/{person.id}", json={"role": "admin"})
        return await signs_in(self._gateway, person.email, PASSWORD)

    async def _write(self, service: str, statement: Any, **values: object) -> None:
        def write() -> None:
            with psycopg.connect(self._databases[service]) as connection:
                connection.execute(statement, values)

        await asyncio.to_thread(write)


def in_days(days: int) -> str:
    """The date so many days from now."""
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def picture() -> dict[str, tuple[str, bytes, str]]:
    """A multipart field with a small PNG."""
    data = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(data, "PNG")
    return {"file": ("me.png", data.getvalue(), "image/png")}


async def _id(answer: Awaitable[Any]) -> int:
    return int((await answer)["id"])
