"""Demo data worth looking at, made by asking the services what a front end would ask, once, when the suite first runs.

Services are asked at their own addresses, because the gateway's limits are meant for one person, not for thirty."""

import asyncio
import itertools
import os
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx

from gateway.routes import Routes

ROUTES = Routes()
ATTEMPTS = 12  # of what a busy service asks to be asked again
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TUTORS = [  # first name, last name, subject, title, hourly rate, currency, zone, years, languages
    ("Tessa", "Hart", "Mathematics", "Calculus without tears", 45, "USD", "America/New_York", 12, ["en", "es"]),
    ("Kenji", "Watanabe", "Japanese", "Conversational Japanese", 900, "JPY", "Asia/Tokyo", 8, ["ja", "en"]),
    ("Asha", "Iyer", "Physics", "Physics for engineers", 900, "INR", "Asia/Kolkata", 9, ["en", "hi"]),
    ("Oliver", "Bennett", "English", "Essays that convince", 38, "GBP", "Europe/London", 6, ["en", "fr"]),
    ("Claire", "Moreau", "French", "French from the first day", 35, "EUR", "Europe/Paris", 11, ["fr", "en"]),
    ("Lukas", "Weber", "Computer Science", "Algorithms and Python", 60, "EUR", "Europe/Berlin", 15, ["de", "en"]),
    ("Olena", "Kovalenko", "Chemistry", "Organic chemistry step by step", 700, "UAH", "Europe/Kyiv", 7, ["uk", "en"]),
    ("Marta", "Nowak", "Biology", "Biology for medical school", 140, "PLN", "Europe/Warsaw", 5, ["pl", "en"]),
    ("Noah", "Tremblay", "History", "History as a story", 48, "CAD", "America/Toronto", 10, ["en", "fr"]),
    ("Ruby", "Walker", "Economics", "Micro and macro made clear", 70, "AUD", "Australia/Sydney", 13, ["en"]),
    ("Sofia", "Garcia", "Spanish", "Spanish for travellers", 30, "USD", "America/Mexico_City", 4, ["es", "en"]),
    ("Urs", "Keller", "Statistics", "Statistics you can trust", 95, "CHF", "Europe/Zurich", 18, ["de", "fr", "en"]),
    ("Grace", "Obi", "Writing", "Creative writing workshop", 42, "USD", "Africa/Lagos", 3, ["en"]),
    ("Hana", "Kim", "Music Theory", "Harmony and counterpoint", 55, "USD", "Asia/Seoul", 14, ["ko", "en"]),
    ("Diego", "Silva", "Geography", "Maps, climate, people", 28, "USD", "America/Sao_Paulo", 6, ["pt", "es"]),
    ("Emma", "Larsen", "Psychology", "Psychology with experiments", 52, "EUR", "Europe/Copenhagen", 9, ["da", "en"]),
    ("Farid", "Haddad", "Arabic", "Arabic script in a month", 33, "EUR", "Asia/Beirut", 12, ["ar", "fr", "en"]),
    ("Mei", "Chen", "Chinese", "Mandarin tones and characters", 36, "USD", "Asia/Shanghai", 10, ["zh", "en"]),
    ("Jack", "Sullivan", "Mathematics", "SAT and ACT maths", 65, "USD", "America/Los_Angeles", 16, ["en"]),
    ("Ines", "Costa", "Mathematics", "Linear algebra, seen", 40, "EUR", "Europe/Lisbon", 8, ["pt", "en"]),
]
STUDENTS = [("Sam", "Rivera"), ("Priya", "Nair"), ("Tom", "Baker"), ("Yuki", "Mori"), ("Lea", "Fischer")]


class Person:
    """Somebody signed in, who speaks to the service that owns a path."""

    def __init__(self, client: httpx.AsyncClient, email: str) -> None:
        self._client, self.email = client, email
        self._headers: dict[str, str] = {}
        self.id = 0

    async def ask(self, method: str, path: str, **values: Any) -> Any:
        route = ROUTES.find(path)
        assert route is not None, path  # noqa: S101  the table is the gateway's own
        url = os.environ[f"{route.service.upper()}_URL"] + path
        for _ in range(ATTEMPTS):
            answer = await self._client.request(method, url, headers=self._headers, **values)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(float(answer.headers["Retry-After"]))  # a slow machine has to hash all the passwords first
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    async def sign_in(self, password: str) -> "Person":
        answer = await self.ask("POST", "/auth/login", json={"email": self.email, "password": password})
        self._headers = {"Authorization": f"Bearer {answer['access_token']}"}
        self.id = answer["user"]["id"]
        return self

    async def register(self, password: str, first_name: str, last_name: str, role: str, zone: str, currency: str) -> "Person":
        body = {"email": self.email, "password": password, "first_name": first_name, "last_name": last_name, "role": role}
        await self.ask("POST", "/auth/register", json=body | {"timezone": zone, "currency": currency})
        return await self.sign_in(password)


async def main() -> None:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        admin = await Person(client, os.environ["EDUSTREAM_ADMIN_EMAIL"]).sign_in(os.environ["EDUSTREAM_ADMIN_PASSWORD"])
        subjects = {s["name"]: s["id"] for s in await admin.ask("GET", "/api/subjects")}
        tutors = [await make_tutor(client, admin, subjects, 0)]  # first, so that the demo account leads the list
        tutors += await asyncio.gather(*(make_tutor(client, admin, subjects, number) for number in range(1, len(TUTORS))))
        students = await asyncio.gather(*(make_student(client, number) for number in range(len(STUDENTS))))
        await applicant(client, subjects)
        await lessons(tutors, students)


async def make_tutor(client: httpx.AsyncClient, admin: Person, subjects: dict[str, int], number: int) -> tuple[Person, int]:
    """An approved tutor with a calendar and a package. The first has the address of the demo account."""
    first, last, _, title, _, _, _, _, _ = TUTORS[number]
    email, password = (
        ("tutor@example.com", "tutor12345") if number == 0 else (f"{first}.{last}@example.com".lower(), "tutor12345")
    )
    tutor = await fill(await registered_tutor(client, email, password, number), first, subjects, number)
    profile = await tutor.ask("GET", "/api/tutors/me/profile")
    await tutor.ask("POST", "/api/tutors/me/submit")
    await admin.ask("POST", f"/api/admin/tutors/{profile['id']}/approve")
    package = {"name": f"5 × {title}", "description": "Five lessons at a better price", "session_count": 5,
               "price": TUTORS[number][4] * 4.5, "duration_minutes": 60, "validity_days": 90}  # fmt: skip
    await tutor.ask("POST", "/api/packages", json=package)
    return tutor, profile["id"]


async def registered_tutor(client: httpx.AsyncClient, email: str, password: str, number: int) -> Person:
    first, last, _, _, _, currency, zone, _, _ = TUTORS[number]
    return await Person(client, email).register(password, first, last, "tutor", zone, currency)


async def fill(tutor: Person, first: str, subjects: dict[str, int], number: int) -> Person:
    """A whole profile, like that of the tutor of this number: about, subjects, price, calendar."""
    _, _, subject, title, rate, currency, zone, years, languages = TUTORS[number]
    about = {"title": title, "headline": f"{years} years of teaching {subject.lower()}", "experience_years": years,
             "bio": f"I am {first}, and I have taught {subject.lower()} for {years} years, one question at a time.",
             "teaching_philosophy": "Intuition first, then practice.", "languages": languages}  # fmt: skip
    await tutor.ask("PATCH", "/api/tutors/me/about", json=about)
    wanted = [subjects.get(subject, next(iter(subjects.values())))]
    await tutor.ask("PUT", "/api/tutors/me/subjects", json={"subject_ids": wanted})
    await tutor.ask("PATCH", "/api/tutors/me/pricing", json={"hourly_rate": rate, "currency": currency})
    week = [{"day_of_week": day, "start_time": "08:00", "end_time": "20:00"} for day in DAYS[: 5 + number % 3]]
    await tutor.ask("PUT", "/api/tutors/me/availability", json={"timezone": zone, "weekly_schedule": week})
    return tutor


async def applicant(client: httpx.AsyncClient, subjects: dict[str, int]) -> None:
    """A tutor who waits for approval, so that administrators have something to decide."""
    tutor = await Person(client, "applicant@example.com").register(
        "tutor12345", "Alex", "Newman", "tutor", "Europe/London", "GBP"
    )
    await fill(tutor, "Alex", subjects, 3)
    await tutor.ask("POST", "/api/tutors/me/submit")


async def make_student(client: httpx.AsyncClient, number: int) -> Person:
    first, last = STUDENTS[number]
    email = "student@example.com" if number == 0 else f"{first}.{last}@example.com".lower()
    return await Person(client, email).register("student12345", first, last, "student", "UTC", "USD")


async def lessons(tutors: list[tuple[Person, int]], students: list[Person]) -> None:
    """Bookings in the states that people can bring about, and talk around them. Whatever the hour, the demo pair has some."""
    for number, (student, (tutor, tutor_id)) in enumerate(zip(itertools.cycle(students), tutors[:10], strict=False)):
        free = await slots(student, tutor_id)
        made = [await book(student, tutor_id, slot["start_time"]) for slot in free[number * 3 : number * 3 + 8 : 2]]
        for booking, then in zip(made, ("", "confirm", "decline", "cancel"), strict=False):
            if then == "cancel":
                await student.ask("POST", f"/api/bookings/{booking}/cancel", json={"reason": "I am travelling that day."})
            elif then:
                body = {"reason": "I am at a conference."} if then == "decline" else None
                await tutor.ask("POST", f"/api/tutor/bookings/{booking}/{then}", json=body)
        await talk(student, tutor, made[0])


async def slots(student: Person, tutor_id: int) -> list[dict[str, Any]]:
    first: date = (datetime.now(UTC) + timedelta(days=2)).date()
    span = {"start_date": str(first), "end_date": str(first + timedelta(days=10))}
    found: list[dict[str, Any]] = await student.ask("GET", f"/api/tutors/{tutor_id}/available-slots", params=span)
    return found[::2]


async def book(student: Person, tutor_id: int, start_at: str) -> int:
    body = {"tutor_profile_id": tutor_id, "start_at": start_at, "duration_minutes": 60, "lesson_type": "online"}
    booking = await student.ask("POST", "/api/bookings", json=body | {"notes_student": "I would like to start from the basics."})
    return int(booking["id"])


async def talk(student: Person, tutor: Person, booking: int) -> None:
    lines = [(student, tutor, "Hello! Could we start with an easy example?"), (tutor, student, "Of course. Bring one you like."),
             (student, tutor, "Thank you, see you then!")]  # fmt: skip
    for writer, reader, text in lines:
        body = {"recipient_id": reader.id, "message": text, "booking_id": booking}
        await writer.ask("POST", "/api/messages", json=body)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (RuntimeError, httpx.HTTPError, KeyError) as problem:
        sys.exit(f"demo data: {problem!r}")
