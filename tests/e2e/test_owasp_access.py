"""OWASP API Security Top 10 (2023), items 1, 2, 3 and 5: whose things, who one is, which fields, which functions."""

import asyncio
from typing import Any

import pytest

from tests.clients import plain_client
from tests.e2e.authorisation.cast import Cast
from tests.e2e.authorisation.table import REFUSED, rows
from tests.e2e.authorisation.things import Things, in_days
from tests.e2e.people import PASSWORD, Person, registers

pytestmark = pytest.mark.timeout(300)

FOR_EVERYBODY = {
    "GET /api/tutors/{tutor_id}/public",
    "GET /api/tutors/{tutor_id}",
    "GET /api/tutors/{tutor_id}/reviews",
    "GET /api/reviews/tutors/{tutor_id}",
    "GET /api/tutors/{tutor_id}/available-slots",
    "POST /api/students/favorites/{tutor_id}",
    "POST /api/packages/{package_id}/purchase",
    "GET /api/messages/threads/{other_user_id}",  # one's own with them
    "PATCH /api/messages/threads/{other_user_id}/read-all",
    "POST /api/messages/blocks/{user_id}",
}
OF_OTHERS = [row for row in rows() if "_id}" in row.path and row.route not in FOR_EVERYBODY]


@pytest.mark.parametrize("row", OF_OTHERS, ids=str)
def test_api1_a_thing_of_somebody_elses_is_refused_to_strangers(row: Any) -> None:
    """The table is tried by `test_authorisation`; here it is seen that no row gives away what belongs to somebody."""
    assert {row.expected["other_student"], row.expected["other_tutor"]} <= REFUSED


async def test_api1_a_message_belongs_to_whoever_wrote_it(cast: Cast, things: Things) -> None:
    message = await things.message()

    await cast.tutor.call("PATCH", f"/api/messages/{message}", 403, json={"message": "I owe you money."})
    await cast.tutor.call("DELETE", f"/api/messages/{message}", 403)
    assert message not in await _messages(cast.other_student, cast.tutor.id)
    assert message in await _messages(cast.tutor, cast.student.id)


async def test_api1_lists_and_searches_hold_only_ones_own(cast: Cast, things: Things) -> None:
    await asyncio.gather(things.message(), things.booking(), things.purchase(), things.notification())
    stranger = await registers(str(cast.admin.client.base_url))

    assert (await stranger.get("/api/bookings"))["total"] == 0
    assert await stranger.get("/api/packages/purchases") == []
    assert await stranger.get("/api/messages/threads") == []
    assert await stranger.get("/api/notifications") == []
    assert (await stranger.get("/api/messages/search", query="hello", user_id=cast.tutor.id))["total"] == 0


async def test_api1_an_idempotency_key_of_somebody_elses_gives_nothing_away(cast: Cast) -> None:
    key = {"Idempotency-Key": "the-same-key-of-two-people"}
    first = await _send(cast.student, cast.tutor.id, headers=key)
    second = await _send(cast.other_student, cast.tutor.id, headers=key)

    assert first["id"] != second["id"]
    assert second["sender_id"] == cast.other_student.id


async def test_api2_only_an_access_token_in_the_header_signs_in(gateway: str) -> None:
    person = await registers(gateway)
    signed_in = await _sign_in(gateway, person)
    access, refresh = signed_in["access_token"], signed_in["refresh_token"]
    async with plain_client(base_url=gateway, timeout=20) as client:
        answers = [
            await client.get("/auth/me", headers={"Authorization": f"Bearer {refresh}"}),
            await client.get("/auth/me", headers={"Authorization": f"Basic {access}"}),
            await client.get("/auth/me", headers={"Cookie": f"access_token={access}; token={access}"}),
            await client.get("/auth/me", params={"token": access, "access_token": access}),
            await client.get("/auth/me", headers=[("Authorization", f"Bearer {access}"), ("Authorization", "Bearer x")]),
            await client.post("/auth/refresh", json={"refresh_token": access}),
        ]

    assert {answer.status_code for answer in answers} <= {401, 422}


async def test_api2_a_spent_refresh_token_ends_the_session_it_was_stolen_from(gateway: str) -> None:
    person = await registers(gateway)
    spent = (await _sign_in(gateway, person))["refresh_token"]
    fresh = (await person.call("POST", "/auth/refresh", json={"refresh_token": spent}))["refresh_token"]

    await person.call("POST", "/auth/refresh", 401, json={"refresh_token": spent})
    await person.call("POST", "/auth/refresh", 401, json={"refresh_token": fresh})


BY_FORCE = {"id": 1, "user_id": 1, "role": "admin", "is_active": False, "is_verified": True, "created_at": "2000-01-01T00:00:00Z"}
"""What people would like to set, and may not."""


async def test_api3_nobody_promotes_themselves(gateway: str) -> None:
    person = await registers(gateway)
    before = await person.get("/auth/me")
    for method, path, body in (
        ("PUT", "/auth/me", {"first_name": "Jane", "email": "admin@example.org"}),
        ("PATCH", "/api/users/preferences", {"push_notifications": True}),
        ("PATCH", "/api/users/currency", {"currency": "USD"}),
        ("PATCH", "/api/profile/student/me", {"bio": "x", "total_sessions": 99}),
    ):
        await person.call(method, path, json=body | BY_FORCE)
    after = await person.get("/auth/me")

    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"updated_at"}
    profile = await person.get("/api/profile/student/me")
    assert (profile["user_id"], profile["total_sessions"]) == (person.id, 0)


async def test_api3_a_new_account_is_what_registration_makes_it(gateway: str) -> None:
    email = f"forced.{in_days(0)}.{id(object())}@example.com"
    body = {"email": email, "password": PASSWORD, "first_name": "A", "last_name": "B"}
    async with plain_client(base_url=gateway, timeout=20) as client:
        refused = await client.post("/auth/register", json=body | {"role": "admin"})
        made = (await client.post("/auth/register", json=body | BY_FORCE | {"role": "student"})).json()

    assert refused.status_code == 400
    assert (made["role"], made["is_active"], made["is_verified"]) == ("student", True, False)
    assert made["id"] != 1


async def test_api3_a_tutor_approves_and_rates_nobody_by_hand(gateway: str, cast: Cast) -> None:
    tutor = await registers(gateway, "tutor", "Moe")
    await tutor.fills_profile()
    forced = {"profile_status": "approved", "status": "approved", "is_approved": True, "average_rating": 5, "total_reviews": 99}
    for path, body in (("about", {"title": "T"}), ("pricing", {"hourly_rate": 20}), ("description", {"description": "D"})):
        await tutor.call("PATCH", f"/api/tutors/me/{path}", json=body | forced | {"user_id": cast.tutor.id, "id": cast.tutor_id})
    profile = await tutor.get("/api/tutors/me/profile")

    assert (profile["profile_status"], profile["average_rating"], profile["total_reviews"]) == ("incomplete", 0, 0)
    assert profile["user_id"] == tutor.id


async def test_api3_prices_credits_and_states_are_not_for_clients_to_set(cast: Cast, things: Things) -> None:
    forced = {"price": 0.01, "price_student": 0.01, "currency": "INR", "status": "CONFIRMED", "student_id": cast.other_student.id}
    booking = await cast.student.books(cast.tutor_id, things.hour(), **forced)
    package = await things.package()
    credits = {"credits_remaining": 1000, "price": 0, "session_count": 1000, "student_id": cast.other_student.id}
    purchase = await cast.student.call("POST", f"/api/packages/{package}/purchase", 201, json=credits)
    offered = {"tutor_profile_id": cast.other_tutor_id, "tutor_user_id": cast.other_tutor.id, "currency": "INR"}
    changed = await cast.tutor.call("PATCH", f"/api/packages/{package}", json=offered)

    assert (booking["price_student"], booking["currency"], booking["status"]) == (45.0, "USD", "PENDING")
    assert booking["student_id"] == cast.student.id
    assert (purchase["credits_remaining"], purchase["price"], purchase["student_id"]) == (5, 200.0, cast.student.id)
    assert (changed["tutor_profile_id"], changed["currency"]) == (cast.tutor_id, "USD")


async def test_api3_messages_and_reviews_are_signed_by_whoever_writes_them(cast: Cast, things: Things) -> None:
    sent = await _send(cast.student, cast.tutor.id, sender_id=cast.admin.id, is_read=True, created_at="2000-01-01T00:00:00Z")
    forced = {"student_id": cast.other_student.id, "tutor_id": cast.other_tutor_id, "tutor_response": "The best student!"}
    body = {"booking_id": await things.completed_booking(), "rating": 5} | forced
    review = await cast.student.call("POST", "/api/reviews", 201, json=body)

    assert (sent["sender_id"], sent["is_read"], sent["created_at"][:2]) == (cast.student.id, False, "20")
    assert not sent["created_at"].startswith("2000")
    assert (review["student_id"], review["tutor_id"], review["tutor_response"]) == (cast.student.id, cast.tutor_id, None)


async def test_api3_nothing_private_of_others_is_shown(cast: Cast, things: Things) -> None:
    await things.review()
    secrets = [person.email for person in (cast.student, cast.tutor)] + ["password", "+14155552671"]
    for path in (f"/api/tutors/{cast.tutor_id}", f"/api/tutors/{cast.tutor_id}/public", f"/api/tutors/{cast.tutor_id}/reviews"):
        answer = await cast.other_student.client.get(path)
        assert answer.status_code == 200
        assert not [secret for secret in secrets if secret in answer.text], path
    found = await cast.other_student.client.get("/api/tutors", params={"search": cast.tutor.email})
    assert not [secret for secret in secrets if secret in found.text]


DETOURS = ("//api/admin/users", "/api//admin/users", "/api/./admin/users", "/api/tutors/../admin/users", "/API/ADMIN/USERS",
           "/api/tutors/..;/admin/users", "/api/admin%2fusers", "/api/%2e%2e/api/admin/users", "/api/admin/users;x=1",
           "/api/admin/users%00", "/api/v1/admin/users", "/api/v1/v1/admin/users", "/api/admin/users/")  # fmt: skip


@pytest.mark.parametrize("path", DETOURS)
async def test_api5_no_detour_leads_to_a_function_of_administrators(gateway: str, cast: Cast, path: str) -> None:
    for token in (cast.student.token, None):
        answer = await _raw(gateway, f"GET {path} HTTP/1.1", f"Authorization: Bearer {token}" if token else "X-Nobody: yes")
        assert answer.partition(b" ")[2][:3] in (b"400", b"401", b"403", b"404"), answer


async def test_api5_no_header_makes_another_method_or_caller_of_a_request(cast: Cast, things: Things) -> None:
    victim = await things.somebody()
    headers = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE", "X-User-Id": str(cast.admin.id)}
    headers |= {"X-Role": "admin", "X-Original-URL": f"/api/admin/users/{victim}", "X-Rewrite-URL": "/api/admin/users"}
    answer = await cast.student.client.get("/auth/me", headers=headers, params={"_method": "DELETE", "role": "admin"})

    assert (answer.status_code, answer.json()["id"], answer.json()["role"]) == (200, cast.student.id, "student")
    await cast.student.call("POST", f"/api/admin/users/{victim}", 405, headers=headers)
    await cast.admin.get(f"/api/admin/users/{victim}")


async def _send(person: Person, recipient: int, headers: dict[str, str] | None = None, **more: Any) -> Any:
    body = {"recipient_id": recipient, "message": "Hello"} | more
    return await person.call("POST", "/api/messages", 201, json=body, headers=headers)


async def _messages(person: Person, other: int) -> list[int]:
    return [message["id"] for message in (await person.get(f"/api/messages/threads/{other}"))["messages"]]


async def _sign_in(gateway: str, person: Person) -> Any:
    async with plain_client(base_url=gateway, timeout=20) as client:
        return (await client.post("/auth/login", json={"email": person.email, "password": PASSWORD})).json()


async def _raw(gateway: str, line: str, header: str) -> bytes:
    """The status line of the answer to a path that no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.rpartition(":")[2]))
    writer.write(f"{line}\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(20):
        answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer
