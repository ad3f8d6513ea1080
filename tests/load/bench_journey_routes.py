"""The routes that `bench_journey` measures: how wrk asks for them, what is wanted of them, and the SQL that they cost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from deploy.local.servers import Urls
from tests.harness import Harness, running

STUDENTS = 100
FIRST_DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3)
FAR = FIRST_DAY + timedelta(days=27)  # inside the calendar and before the lessons that there are already

# A student's token for each request; `share` is what part of the mixed journey a route is. The id of each request comes back with
# its answer: it says which route it was, and when it left.
SCRIPT = """
local ffi = require("ffi")
ffi.cdef[[typedef struct { long s; long us; } moment; int gettimeofday(moment *, void *);]]
local at = ffi.new("moment")
local function micros() ffi.C.gettimeofday(at, nil); return tonumber(at.s) * 1e6 + tonumber(at.us) end
local tokens = {}
for line in io.lines("%(tokens)s") do tokens[#tokens + 1] = "Bearer " .. line end
local n, booked, tutors, first = %(number)d, %(booked)d, %(tutors)d, %(first)d
local abreast = math.min(tutors, #tokens - 1)
local json = "application/json"
local kinds = {
  me = function() return "GET", "/auth/me" end,
  tutors = function() return "GET", "/api/tutors" end,
  bookings = function() return "GET", "/api/bookings" end,
  threads = function() return "GET", "/api/messages/threads" end,
  notifications = function() return "GET", "/api/notifications" end,
  message = function()
    return "POST", "/api/messages", string.format('{"recipient_id": %%d, "message": "See you on Monday"}', 1000 + n %% 1000)
  end,
  book = function() -- midnights are taken, and so is much of the first student's time
    local hour = math.floor(booked / abreast)
    local start = os.date("!%%Y-%%m-%%dT%%H:00:00Z", first + math.floor(hour / 23) * 86400 + (1 + hour %% 23) * 3600)
    local student, tutor = 2 + booked %% abreast, 2 + booked %% abreast
    booked = booked + 1
    return "POST", "/api/bookings", string.format(
      '{"tutor_profile_id": %%d, "start_at": "%%s", "duration_minutes": 60, "lesson_type": "online"}', tutor, start), student
  end,
}
local drawn = {%(drawn)s}
local out = io.open("%(out)s", "a")
out:setvbuf("line")
request = function()
  n = n + 1
  local kind = drawn[math.random(#drawn)]
  local method, path, body, student = kinds[kind]()
  local headers = {["Authorization"] = tokens[student or 1 + n %% #tokens], ["Content-Type"] = json}
  headers["X-Request-Id"] = string.format("%%s-%%d", kind, micros())
  return wrk.format(method, path, headers, body)
end
response = function(status, headers)
  local kind, left = string.match(headers["x-request-id"] or "", "(%%a+)-(%%d+)")
  if kind then out:write(kind, " ", status, " ", micros() - tonumber(left), "\\n") end
end
"""


@dataclass(frozen=True)
class Route:
    """`wanted` requests per second on two cores; `share` of the mixed journey, in twentieths."""

    kind: str
    name: str
    service: str
    method: str
    path: str
    share: int
    wanted: int | None = None
    body: dict[str, Any] | None = None


ROUTES = (
    Route("me", "GET /auth/me", "auth", "GET", "/auth/me", 4, 2500),
    Route("bookings", "GET /api/bookings", "bookings", "GET", "/api/bookings", 3, 1200),
    Route("tutors", "GET /api/tutors", "profiles", "GET", "/api/tutors", 4, 1000),
    Route("threads", "GET /api/messages/threads", "messaging", "GET", "/api/messages/threads", 2),
    Route("notifications", "GET /api/notifications", "notifications", "GET", "/api/notifications", 1),
    Route(
        "message",
        "POST /api/messages",
        "messaging",
        "POST",
        "/api/messages",
        4,
        700,
        {"recipient_id": 1500, "message": "See you"},
    ),
    Route(
        "book",
        "POST /api/bookings",
        "bookings",
        "POST",
        "/api/bookings",
        2,
        400,
        {"tutor_profile_id": 3, "start_at": FAR.isoformat(), "duration_minutes": 60, "lesson_type": "online"},
    ),
)


async def statements(route: Route, database_url: str, urls: Urls) -> str:
    """What the service sends to its database for one such request, as a script for pgbench."""
    async with running(route.service, database_url=database_url, redis_url=urls.redis, amqp_url=urls.amqp) as service:
        person = service.person(5)
        await person.get(route.path)
        async with recorded() as sent:
            answer = await _ask(service, route)
        assert answer in (200, 201), f"{route.name}: {answer}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE IF NOT EXISTS bench START 100000")
        cursor = psycopg.ClientCursor(connection)
        rendered = [cursor.mogrify(sql, values) for sql, values in sent]
    lines = [f"{_varied(text).strip().rstrip(';')};" for text in rendered]
    if route.method == "GET":
        return "\n".join(lines)
    return "\n".join([r"SELECT nextval('bench') AS n \gset", "BEGIN;", *lines, "COMMIT;"])


@asynccontextmanager
async def recorded() -> AsyncIterator[list[tuple[Any, Any]]]:
    """Statements that this process sends meanwhile, with their values."""
    sent: list[tuple[Any, Any]] = []
    execute = psycopg.AsyncCursor.execute

    async def recording(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if query and params is not None:
            sent.append((query, params))
        return await execute(self, query, params, **options)

    psycopg.AsyncCursor.execute = recording  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        psycopg.AsyncCursor.execute = execute  # type: ignore[method-assign]


async def _ask(service: Harness, route: Route) -> int:
    answer = await service.person(5).request(route.method, route.path, json=route.body)
    return answer.status_code


def _varied(text: str) -> str:
    """A lesson's time must not be taken: each run of the script has its own."""
    for hours in (0, 1):
        literal = f"'{FAR + timedelta(hours=hours)}'"
        text = text.replace(f"{literal}::timestamptz", f"({literal}::timestamptz + :n * interval '1 hour')")
        text = text.replace(literal + ",", f"{literal}::timestamptz + :n * interval '1 hour',")
    return text
