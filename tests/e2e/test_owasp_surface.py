"""OWASP API Security Top 10 (2023), items 7 to 10: what services fetch, how they are set up, what is there, what they believe."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aio_pika
import httpx
import pytest

from deploy.local.processes import GATEWAY, SERVICES
from deploy.local.suite import Suite
from shared.broker import EVENTS
from shared.dead_letters import DeadLetters
from shared.events.auth import UserRegistered
from tests.clients import plain_client
from tests.e2e.authorisation.cast import Cast
from tests.e2e.authorisation.table import declared, internal
from tests.e2e.authorisation.things import Things
from tests.e2e.conftest import Mailbox, text_of
from tests.e2e.people import registers
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)

INSIDES = re.compile(
    r"Traceback|psycopg|asyncpg|SELECT |INSERT |/site-packages/|\.py\b|0x[0-9a-f]{8}|pydantic|uvicorn|127\.0\.0\.1:5"
)


class Listener:
    """A server somewhere that nobody should ever ask."""

    def __init__(self) -> None:
        self.asked = 0
        self.port = 0

    async def hear(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.hear, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    yield listener
    server.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/a.mp4", "https://127.0.0.1:{port}/a.mp4", "https://localhost:{port}/a.mp4",
    "http://169.254.169.254/latest/meta-data/a.mp4", "file:///etc/passwd", "javascript:alert(1)//a.mp4", "gopher://127.0.0.1:{port}/",
    "https://www.youtube.com@127.0.0.1:{port}/watch?v=1", "https://example.com\\@127.0.0.1:{port}/a.mp4"])  # fmt: skip
async def test_api7_no_service_fetches_an_address_that_a_client_gives(cast: Cast, listener: Listener, url: str) -> None:
    """Videos are shown by the client's browser; no other field is an address."""
    url = url.format(port=listener.port)
    await cast.tutor.client.patch("/api/tutors/me/video", json={"video_url": url})
    await cast.tutor.client.put("/auth/me", json={"avatar_url": url, "photo_url": url, "webhook": url})
    await cast.tutor.client.patch("/api/tutors/me/about", json={"bio": f"See {url}", "photo_url": url})
    body = {"recipient_id": cast.student.id, "message": f"Look: {url}"}
    await cast.tutor.call("POST", "/api/messages", 201, json=body)
    shown = await cast.student.get(f"/api/messages/threads/{cast.tutor.id}")

    assert listener.asked == 0
    assert url in shown["messages"][-1]["message"]
    profile = await cast.tutor.get("/api/tutors/me/profile")
    assert not str(profile["video_url"]).startswith(("http:", "file:", "javascript:", "gopher:"))


async def test_api7_links_in_mails_lead_to_us_whatever_host_a_request_names(gateway: str, mailbox: Mailbox) -> None:
    person = await registers(gateway)
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    await person.client.post("/auth/forgot-password", json={"email": person.email}, headers=headers)
    mail = await mailbox.holds(person.email, "asked for a new password")

    assert "evil.example" not in text_of(mail)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/tutors", 200),
        ("GET", "/auth/me", 401),
        ("GET", "/nowhere", 404),
        ("GET", "/api/tutors?page=0", 422),
        ("DELETE", "/auth/login", 405),
        ("POST", "/auth/login", 422),
        ("OPTIONS", "/api/tutors", 405),
        ("GET", "/api/tutors/%00", 400),
        ("GET", "/health", 200),
        ("PUT", "/health", 405),
        ("GET", "/docs", 200),
        ("GET", "/admin", 200),
        ("TRACE", "/auth/me", 405),
        ("BREW", "/api/tutors", 400),
    ],
)
async def test_api8_every_answer_is_safe_to_look_at(gateway: str, method: str, path: str, status: int) -> None:
    async with plain_client(base_url=gateway, timeout=20) as client:
        answer = await client.request(method, path, headers={"Origin": "https://evil.example"})
    headers = answer.headers

    assert answer.status_code == status, answer.text
    assert headers["x-content-type-options"] == "nosniff"
    if headers.get("connection") != "close":  # what is not even a request is answered at once, in JSON
        assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "no-referrer")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "x-powered-by" not in headers
    assert "access-control-allow-origin" not in headers
    assert "set-cookie" not in headers
    if answer.is_error:
        assert isinstance(answer.json()["detail"], str)
        assert not INSIDES.search(answer.text)


async def test_api8_tokens_are_not_kept_by_caches(gateway: str) -> None:
    person = await registers(gateway)
    answer = await person.client.post("/auth/login", json={"email": person.email, "password": "password123"})

    assert answer.headers["cache-control"] == "no-store"


FIELDS = ["{{7*7}}", "${7*7}", "<script>alert(1)</script>", "Robert'); DROP TABLE accounts;--", "=HYPERLINK(1)"]


@pytest.mark.parametrize("text", FIELDS)
async def test_injection_what_people_write_stays_text(cast: Cast, things: Things, mailbox: Mailbox, text: str) -> None:
    person = await registers(str(cast.admin.client.base_url), first_name="Ann")
    await person.call("PUT", "/auth/me", json={"first_name": text})
    assert (await person.get("/auth/me"))["first_name"] == text
    found = await cast.admin.get("/api/admin/users", search=text)
    assert [user["id"] for user in found["items"]][:1] == [person.id]
    await person.client.post("/auth/forgot-password", json={"email": person.email})
    mail = await mailbox.holds(person.email, "asked for a new password")

    assert f"Hello {text}," in text_of(mail)
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "Hello 49" not in html.get_content()


async def test_injection_headers_do_not_take_line_breaks_from_names(cast: Cast) -> None:
    form = {"recipient_id": str(cast.tutor.id)}
    name = 'a\r\nSet-Cookie: x=1\r\n\r\n<script>".txt'
    sent = await cast.student.call(
        "POST", "/api/messages/with-attachment", 201, data=form, files={"file": (name, b"two plus two", "text/html")}
    )
    answer = await cast.tutor.client.get(f"/api/messages/attachments/{sent['attachment']['id']}/download")

    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_injection_no_cell_of_an_export_is_a_formula(cast: Cast) -> None:
    name = f"=cmd|{uuid4().hex}"
    await cast.admin.call("POST", "/api/subjects", 201, json={"name": f"Subject {uuid4()}"}, headers={"User-Agent": name})

    async def exported() -> str:
        text = (await cast.admin.client.get("/api/audit/logs/export", params={"format": "csv"})).text
        return text if name in text else ""

    assert f",'{name}" in await eventually(exported)


async def test_injection_a_calendar_file_has_one_event_whatever_the_notes_say(cast: Cast, things: Things) -> None:
    notes = "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nATTACH:https://evil.example\r\nSUMMARY:Evil"
    booking = await cast.student.books(cast.tutor_id, things.hour(), notes_student=notes)
    answer = await cast.tutor.client.get(f"/api/bookings/{booking['id']}/calendar.ics")

    assert answer.text.count("\r\nBEGIN:VEVENT") == 1
    assert "\r\nATTACH" not in answer.text


async def test_injection_a_request_id_cannot_forge_lines_of_the_log(gateway: str) -> None:
    async with plain_client(base_url=gateway, timeout=20) as client:
        answer = await client.get("/api/tutors", headers={"X-Request-Id": 'aaaaaaaa","level":"critical'})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_api9_what_is_described_is_what_the_services_have(gateway: str) -> None:
    document = httpx.get(f"{gateway}/openapi.json", timeout=20, trust_env=False).json()
    described = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    there = {route for route, owner in declared().items() if owner != GATEWAY and not route.startswith(("HEAD ", "WS "))}

    assert described == there | {"GET /health"}


async def test_api9_what_is_for_services_only_is_not_reached_from_outside(suite: Suite, cast: Cast) -> None:
    secret = suite.deployment.internal_token
    async with plain_client(timeout=20) as client:
        for route, service in internal().items():
            method, path = route.split()
            path = re.sub(r"{[^}]*}", "1", path)
            direct = f"http://127.0.0.1:{suite.deployment.ports[service]}{path}"
            for token in (secret, cast.admin.token):
                headers = {"Authorization": f"Bearer {token}"}
                for prefix in ("", "/api", "/api/v1", "/auth", "/api/tutors"):
                    answer = await client.request(method, suite.gateway_url + prefix + path, headers=headers)
                    assert answer.status_code in (401, 403, 404, 405), f"{prefix}{route}"
            assert (await client.request(method, direct)).status_code == 404
            assert (
                await client.request(method, direct, headers={"Authorization": f"Bearer {cast.admin.token}"})
            ).status_code == 404


async def test_api9_nothing_else_is_there(gateway: str, cast: Cast) -> None:
    names = (
        "internal",
        "metrics",
        "openapi.json",
        "docs",
        "redoc",
        "health/live",
        "health/ready",
        "debug",
        "admin",
        ".env",
        ".git/config",
    )
    places = ["", *(f"{prefix}{service}/" for service in SERVICES for prefix in ("", "api/"))]
    ours = {"/metrics", "/openapi.json", "/docs", "/redoc", "/health/live", "/health/ready", "/admin"}
    headers = {"Authorization": f"Bearer {cast.admin.token}", "X-Forwarded-For": "203.0.113.9"}
    async with plain_client(base_url=gateway, timeout=20, headers=headers) as client:
        for path in (f"/{place}{name}" for place in places for name in names):
            if path in ours - {"/metrics"}:
                continue
            answer = await client.get(path)
            assert answer.status_code in (400, 401, 403, 404, 405, 422), f"{path}: {answer.status_code}"


def _malformed() -> dict[str, bytes]:
    envelope = {"specversion": "1.0", "source": "auth", "type": UserRegistered.type, "time": "2026-01-01T00:00:00Z"}
    return {
        "not JSON": b"\x80\x02 no JSON",
        "a list": b"[]",
        "no data": json.dumps(envelope | {"id": str(uuid4())}).encode(),
        "wrong types": json.dumps(envelope | {"id": str(uuid4()), "data": {"user_id": "'; DROP TABLE people; --"}}).encode(),
        "no id": json.dumps(envelope | {"id": "../../etc/passwd", "data": {"user_id": 1}}).encode(),
        "too large a number": json.dumps(
            envelope | {"id": str(uuid4()), "data": {"user_id": 10**40, "version": 10**40}}
        ).encode(),
        "deep": b'{"data":' * 5_000 + b"1" + b"}" * 5_000,
    }


async def test_api10_a_malformed_event_goes_to_the_dead_letters_and_harms_nobody(suite: Suite, gateway: str, cast: Cast) -> None:
    url = suite.deployment.amqp_url
    listeners = ("profiles", "notifications", "messaging", "reporting")

    async def letters() -> dict[str, int]:
        async with DeadLetters.at(url) as dead:
            return {name: await dead.count(name) for name in listeners}

    before = await letters()
    bodies = _malformed().values()
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        exchange = await channel.get_exchange(EVENTS)
        for body in bodies:
            message = aio_pika.Message(body, message_id=str(uuid4()), content_type="application/cloudevents+json")
            await exchange.publish(message, UserRegistered.type)

    async def all_there() -> bool:
        return await letters() == {name: count + len(bodies) for name, count in before.items()}

    await eventually(all_there, 30)
    person = await registers(gateway, "tutor")
    assert (await person.get("/api/tutors/me/profile"))["user_id"] == person.id
    sent = await person.call("POST", "/api/messages", 201, json={"recipient_id": cast.student.id, "message": "Still here?"})
    await _hears_of(cast, sent["id"])


async def _hears_of(cast: Cast, message_id: int) -> dict[str, Any]:
    async def look() -> dict[str, Any]:
        told = await cast.student.get("/api/notifications", page_size=100)
        return next((n for n in told if n["type"] == "new_message" and n["data"].get("message_id") == message_id), {})

    return await eventually(look)
