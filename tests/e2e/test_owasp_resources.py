"""OWASP API Security Top 10 (2023), items 4 and 6: nobody exhausts the suite, and no flow gives twice what it owes once."""

import asyncio
import io
import re
import struct
import zipfile
import zlib
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.clients import plain_client
from tests.e2e.authorisation.cast import Cast
from tests.e2e.authorisation.things import Things, picture
from tests.e2e.people import PASSWORD, Person

pytestmark = pytest.mark.timeout(300)

SHORT = {
    "/.well-known/jwks.json",
    "/api/users/currency/options",
    "/api/utils/countries",
    "/api/utils/languages",
    "/api/utils/proficiency-levels",
    "/api/utils/phone-codes",
    "/api/subjects",  # kept by administrators
    "/api/tutors/availability",  # one's own calendar, of at most so many windows
    "/api/tutors/availability/exceptions",
    "/api/tutors/{tutor_id}/available-slots",  # of at most 31 days
    "/api/admin/dashboard/subject-distribution",
    "/api/admin/dashboard/system",
}
"""Lists that cannot grow with the platform."""
NASTY = {
    "repeats": "a" * 50_000 + "!",
    "nested groups": "(" * 40 + "a+" * 40 + ")" * 40,
    "backtracking": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!@#",
    "wildcards": "%_" * 50,
    "wildcards and text": "%a" * 49,
    "backslashes": "\\" * 99 + "%",
    "quotes": "'; DROP TABLE accounts; --",
    "union": "1) UNION SELECT password_hash FROM accounts --",
    "sleep": "'||pg_sleep(30)||'",
    "nul": "a\x00b",
    "text search": "a & ! | <-> :* ( '",
    "joined emoji": "\U0001f9d1‍\U0001f680" * 30,
    "template": "{{7*7}}${7*7}<%= 7*7 %>",
    "combining": "é̂" * 40,
    "huge number": "9" * 400,
    "negative": "-1",
    "not a number": "NaN",
    "infinite": "1e309",
}


@pytest.fixture(scope="module")
def document(gateway: str) -> Any:
    return httpx.get(f"{gateway}/openapi.json", timeout=20, trust_env=False).json()


@pytest.mark.parametrize("what", NASTY)
async def test_api4_no_search_or_filter_hangs_or_breaks(gateway: str, cast: Cast, document: Any, what: str) -> None:
    """Every query parameter of every GET, whatever it is for; whoever hangs does not answer within the client's patience."""
    asked = [(path, p["name"]) for path, item in document["paths"].items() for p in item.get("get", {}).get("parameters", ())
             if p["in"] == "query"]  # fmt: skip
    assert len(asked) > 50
    async with plain_client(base_url=gateway, timeout=25) as client:

        async def ask(path: str, name: str) -> tuple[str, str, int]:
            token = _whoever_may(cast, path).token
            params = {"start_date": "2030-01-01", "end_date": "2030-01-02", "query": "x"} | {name: NASTY[what]}
            url = re.sub(r"{[^}]*}", "1", path)
            answer = await client.get(url, params=params, headers={"Authorization": f"Bearer {token}"})
            return path, name, answer.status_code

        found = await asyncio.gather(*(ask(path, name) for path, name in asked))

    assert [one for one in found if one[2] >= 500] == []


async def test_api4_every_list_has_pages_or_cannot_grow(document: Any) -> None:
    lists = {path for path, item in document["paths"].items() if "get" in item and _answers_with_list(item["get"], document)}
    paged = {path for path in lists if {"page_size", "limit", "months"} & _query(document, path)}

    assert lists - paged == {path for path in SHORT if path in lists}


@pytest.mark.parametrize(("name", "value", "status"), [("page_size", 101, 422), ("page_size", 0, 422), ("page", 0, 422),
    ("page", 10**6, 200), ("page", 10**30, 422), ("limit", 10**6, 422), ("months", 10**6, 422)])  # fmt: skip
async def test_api4_pages_are_bounded(cast: Cast, document: Any, name: str, value: int, status: int) -> None:
    paths = [path for path in document["paths"] if "get" in document["paths"][path] and name in _query(document, path)]
    assert paths
    for path in paths:
        url = re.sub(r"{[^}]*}", str(cast.tutor_id), path)
        answer = await _whoever_may(cast, path).client.get(url, params={name: value, "query": "x"})
        assert answer.status_code in (status, 404 if "{" in path else status), f"{path}: {answer.text}"


@pytest.mark.parametrize(("content", "statuses"), [(b'{"a":"' + b"a" * 2_000_000 + b'"}', {413}), (b"[" * 200_000, {400, 422}),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, {400, 422}), (b'{"first_name":' + b"9" * 5_000 + b"}", {400, 422}),
    (b'{"first_name":"\\ud800","bio":"\\ud800","message":"\\ud800","email":"a","password":"\\ud800"}', {400, 422}),
    (b"\xff\xfe\x00", {400, 422})])  # fmt: skip
async def test_api4_bodies_are_bounded(cast: Cast, content: bytes, statuses: set[int]) -> None:
    for person, method, path in ((cast.student, "PUT", "/auth/me"), (cast.student, "POST", "/auth/login"),
                                 (cast.student, "POST", "/api/messages"), (cast.tutor, "PATCH", "/api/tutors/me/about"),
                                 (cast.student, "POST", "/api/bookings")):  # fmt: skip
        answer = await person.client.request(method, path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in statuses, f"{path}: {answer.text}"


async def test_api4_pictures_that_would_fill_the_memory_are_refused(cast: Cast) -> None:
    bomb = {"file": ("bomb.png", _png(60_000, 60_000), "image/png")}
    many = {"file": ("many.png", picture()["file"][1] + b"\0" * 6_000_000, "image/png")}
    for files, statuses in ((bomb, {400}), (many, {400, 413})):
        for person, method, path in (
            (cast.student, "POST", "/api/users/me/avatar"),
            (cast.tutor, "PATCH", "/api/tutors/me/photo"),
        ):
            answer = await person.client.request(method, path, files=files)
            assert answer.status_code in statuses, answer.text


async def test_api4_archives_that_would_fill_the_disk_are_refused(cast: Cast) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(20):
            file.writestr(f"{number}.bin", b"\0" * 10_000_000)
    form = {"recipient_id": str(cast.tutor.id)}
    for name, content in (("bomb.zip", archive.getvalue()), ("bomb.docx", archive.getvalue()), ("big.txt", b"a" * 11_000_000)):
        answer = await cast.student.client.post("/api/messages/with-attachment", data=form, files={"file": (name, content)})
        assert answer.status_code in (400, 413, 415), f"{name}: {answer.status_code}"


async def test_api6_a_credit_is_given_once_however_many_ask_at_once(cast: Cast, things: Things) -> None:
    body = {"name": "One", "session_count": 1, "price": 40, "duration_minutes": 60, "validity_days": 90}
    package = (await cast.tutor.call("POST", "/api/packages", 201, json=body))["id"]
    await cast.student.call("POST", f"/api/packages/{package}/purchase", 201)
    lesson = {"tutor_profile_id": cast.tutor_id, "duration_minutes": 60, "lesson_type": "online", "use_package_id": package}
    bodies = [lesson | {"start_at": things.hour()} for _ in range(8)]

    answers = await asyncio.gather(*(cast.student.client.post("/api/bookings", json=body) for body in bodies))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 402: 7}


async def test_api6_one_address_makes_one_account_however_many_register_at_once(gateway: str) -> None:
    body = {"email": f"race.{uuid4().hex}@example.com", "password": PASSWORD, "first_name": "A", "last_name": "B"}
    spelled = [body | {"email": spelling(body["email"])} for spelling in (str.upper, str.lower, str.title, str.lower)]
    async with plain_client(base_url=gateway, timeout=60) as client:
        answers = await asyncio.gather(*(client.post("/auth/register", json=one) for one in spelled))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}


async def test_api6_a_lesson_is_reviewed_and_refunded_once(cast: Cast, things: Things) -> None:
    body = {"booking_id": await things.completed_booking(), "rating": 1}
    purchase = await things.purchase()
    reviews = await asyncio.gather(*(cast.student.client.post("/api/reviews", json=body) for _ in range(5)))
    refunds = await asyncio.gather(*(cast.tutor.client.post(f"/api/packages/purchases/{purchase}/refund") for _ in range(5)))

    assert Counter(answer.status_code for answer in reviews) == {201: 1, 400: 4}
    assert Counter(answer.status_code for answer in refunds) == {200: 1, 409: 4}


def _whoever_may(cast: Cast, path: str) -> Person:
    if "students" in path:
        return cast.student
    return cast.tutor if "/tutors/availability" in path else cast.admin


def _query(document: Any, path: str) -> set[str]:
    return {p["name"] for p in document["paths"][path]["get"].get("parameters", ()) if p["in"] == "query"}


def _answers_with_list(operation: Any, document: Any) -> bool:
    """Whether the answer is a list, or an object that carries one of objects."""
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema.get("type") == "array" or ("total" in schema.get("properties", {}))


def _png(width: int, height: int) -> bytes:
    """A picture that says it is this large, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
