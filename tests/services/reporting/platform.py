"""All services in one process with a few of everything that anybody keeps a replica of, and the way of their events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from shared.errors import Unavailable
from shared.events.base import Envelope
from tests.harness import Harness

SERVICES = ("auth", "profiles", "bookings", "messaging", "notifications", "reporting")
MANY = 18  # of each: more than any replica has columns
PEOPLE = """
INSERT INTO accounts (email, password_hash, role, first_name, last_name)
SELECT 'p' || n || '@example.com', '', CASE n %% 2 WHEN 1 THEN 'student' ELSE 'tutor' END, 'Ann', 'Lee'
FROM generate_series(1, %(many)s * 2) AS n RETURNING id
"""
SUBJECTS = "INSERT INTO subjects (name) SELECT 'Subject ' || n FROM generate_series(1, %(many)s) AS n RETURNING id"
# Each tutor in a state that nobody has heard of yet, with something of every kind in the calendar, and something that is over.
CALENDARS = (
    "UPDATE tutors SET version = version + 1, title = 'Teacher', hourly_rate = 45.5, timezone = 'Europe/Kyiv'",
    "INSERT INTO tutor_subjects (tutor_id, subject_id) SELECT t.id, s.id FROM tutors t, subjects s WHERE s.name LIKE 'Subject _'",
    """INSERT INTO windows (tutor_id, weekday, on_date, start_minute, end_minute) SELECT t.id, w.* FROM tutors t, (VALUES
      (1, NULL::date, 1200, 1440), (0, NULL, 540, 720), (0, NULL, 60, 90), (NULL, current_date + 9, 0, 615),
      (NULL, current_date - 9, 0, 615)) AS w""",
    """INSERT INTO days_off (tutor_id, first_date, last_date, start_minute, end_minute) SELECT t.id, d.* FROM tutors t, (VALUES
      (current_date + 3, current_date + 4, NULL::int, NULL::int), (current_date, current_date + 3, 600, 1440),
      (current_date - 8, current_date - 7, NULL, NULL)) AS d""",
)
LESSONS = """
INSERT INTO bookings (student_id, tutor_id, tutor_user_id, start_at, end_at, lesson_type, status, price, currency, respond_by,
  moved_by, version, created_at, updated_at)
SELECT %(student)s, %(tutor)s, %(tutor_user)s, now() + n * interval '1 day', now() + n * interval '1 day 1 minute',
  'online', 'CONFIRMED', 45, 'USD', now(), 'student', 2, now() - interval '1 hour', now() FROM generate_series(1, %(many)s) AS n
RETURNING id
"""
MOVES = """
INSERT INTO booking_moves (booking_id, version, move, status, start_at, by, at)
SELECT id, m.version, m.move, m.status, start_at, m.by, created_at + m.version * interval '1 minute' FROM bookings, (VALUES
  (1, 'request', 'PENDING', 'student'), (2, 'confirm', 'CONFIRMED', 'tutor')) AS m (version, move, status, by)
"""
PACKAGE = """
INSERT INTO packages (tutor_id, tutor_user_id, name, session_count, price, currency, duration_minutes, validity_days, is_active,
  created_at) VALUES (1, 2, 'Ten', 10, 200, 'USD', 60, 90, true, now()) RETURNING id
"""
PURCHASES = """
INSERT INTO purchases (package_id, package_name, tutor_id, tutor_user_id, student_id, session_count, credits_remaining, price,
  currency, duration_minutes, status, purchased_at, expires_at)
SELECT %(package)s, 'Ten', 1, 2, 1, 10, 9, 200, 'USD', 60, 'active', now(), now() FROM generate_series(1, %(many)s) RETURNING id
"""
RATINGS = """
INSERT INTO ratings (tutor_id, version, total_reviews, sum_of_ratings) SELECT n, 1, n %% 3, 4 * (n %% 3)
FROM generate_series(1, %(many)s) AS n RETURNING tutor_id AS id
"""
BLOCKS = """
INSERT INTO blocks (blocker_id, blocked_id, created_at) SELECT n, n + other, now()
FROM generate_series(1, %(many)s) AS n, generate_series(1, 2) AS other RETURNING blocker_id AS id
"""
PRESENCE = """
INSERT INTO presence (user_id, is_online, version) SELECT n, n %% 2 = 0, 3 FROM generate_series(1, %(many)s) AS n
RETURNING user_id AS id
"""


class Platform:
    """All services in one process, and the way of their events to each other."""

    def __init__(self, services: dict[str, Harness]) -> None:
        self.services = services

    async def carry(self) -> int:
        """Take what every outbox has to everybody who subscribed to it; how much there was."""
        carried = 0
        for publisher in self.services.values():
            async with publisher.database.transaction() as tx:
                rows = await tx.rows(
                    "DELETE FROM outbox WHERE position IN (SELECT position FROM outbox LIMIT 200) RETURNING body"
                )
            for row in rows:
                envelope = Envelope.model_validate_json(bytes(row["body"]))
                for service in self.services.values():
                    if envelope.type in service.service.subscriptions.kinds:
                        await _hand_over(service, envelope)
            carried += len(rows)
        return carried

    async def settle(self) -> None:
        while await self.carry():
            pass

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        async def live() -> None:
            while True:
                await self.carry()
                await asyncio.sleep(0.01)

        living = asyncio.ensure_future(live())
        yield
        assert not living.done(), living.exception()
        living.cancel()
        with suppress(asyncio.CancelledError):
            await living

    async def run(self, service: str, sql: Any, **params: Any) -> list[dict[str, Any]]:
        async with self.services[service].database.transaction() as tx:
            cursor = await tx.connection.execute(sql, params)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in (await cursor.fetchall() if names else [])]

    async def resend(self, owner: str, entity: str, ids: list[int]) -> None:
        answer = await self.services[owner].internal().post(f"/internal/integrity/owned/{entity}/resend", json={"ids": ids})
        assert answer.status_code == 204, answer.text

    async def tell(self, owner: str, entity: str, sql: Any, **params: Any) -> None:
        """Make what `sql` makes, and let everybody hear of it."""
        rows = await self.run(owner, sql, **params)
        await self.resend(owner, entity, sorted({row["id"] for row in rows}))
        await self.settle()


async def _hand_over(service: Harness, envelope: Envelope) -> None:
    """Again where others were in the way, as a consumer does."""
    while True:
        try:
            await service.service.subscriptions.handle(service.database, envelope)
            return
        except Unavailable:
            await asyncio.sleep(0.1)


async def populate(platform: Platform) -> None:
    """`MANY` of everything that anybody keeps a replica of; the order is that in which they need each other."""
    await platform.tell("auth", "user", PEOPLE, many=MANY)
    await platform.tell("profiles", "subject", SUBJECTS, many=MANY)
    for sql in CALENDARS:
        await platform.run("profiles", sql)
    await platform.tell("profiles", "tutor", "SELECT id FROM tutors")
    await platform.run("bookings", LESSONS, student=1, tutor=1, tutor_user=2, many=MANY)
    await platform.tell("bookings", "booking", f"WITH moves AS ({MOVES}) SELECT id FROM bookings")
    (package,) = await platform.run("bookings", PACKAGE)
    await platform.tell("bookings", "purchase", PURCHASES, package=package["id"], many=MANY)
    await platform.tell("bookings", "rating", RATINGS, many=MANY)
    await platform.tell("messaging", "block", BLOCKS, many=MANY)
    await platform.tell("notifications", "presence", PRESENCE, many=MANY)
