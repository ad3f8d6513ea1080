"""Who may do what: every route, every kind of caller."""

import re

import pytest
from fastapi.routing import APIRoute

from services.messaging.routes import router, uploads
from tests.harness import Harness, token
from tests.services.messaging.conversation import messages, write
from tests.services.messaging.files import PDF
from tests.services.messaging.people import ANNA, BOB, EVE, introduce

ROUTES = [
    (method, r.path) for r in (*router.routes, *uploads.routes) if isinstance(r, APIRoute) for method in sorted(r.methods or ())
]
BAD = {
    "none": {},
    "another scheme": {"Authorization": "Basic YTpi"},
    "nonsense": {"Authorization": "Bearer nonsense"},
    "expired": {"Authorization": f"Bearer {token(ANNA, minutes=-1)}"},
    "identity header": {"X-User-Id": str(ANNA), "X-User-Role": "admin"},
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_answers_without_a_valid_token(service: Harness, method: str, path: str, case: str) -> None:
    answer = await service.client(**BAD[case]).request(method, re.sub(r"\{\w+\}", "1", path))

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(answer.json()) == {"detail", "code"}


@pytest.mark.parametrize(
    ("action", "sender", "recipient", "stranger"),
    [
        ("PATCH {message}/read", 403, 200, 404),
        ("PATCH {message}", 200, 403, 404),
        ("DELETE {message}", 204, 403, 404),
        ("GET {file}", 200, 200, 404),
    ],
)
async def test_what_each_may_do_with_a_message(service: Harness, action: str, sender: int, recipient: int, stranger: int) -> None:
    await introduce(service, ANNA, BOB, EVE)
    for who, role, status in (
        (EVE, "student", stranger),
        (EVE, "admin", stranger),
        (BOB, "tutor", recipient),
        (ANNA, "student", sender),
    ):
        sent = (
            await service.person(ANNA).post(
                "/api/messages/with-attachment", data={"recipient_id": BOB}, files={"file": ("a.pdf", PDF)}
            )
        ).json()
        method, path = action.format(message=f"/api/messages/{sent['id']}", file=sent["attachment"]["url"]).split()
        body = {"json": {"message": "x"}} if action == "PATCH {message}" else {}

        answer = await service.person(who, role).request(method, path, **body)  # type: ignore[arg-type]

        assert answer.status_code == status, (who, role)


async def test_no_list_shows_a_stranger_anything(service: Harness) -> None:
    await introduce(service, ANNA, BOB, EVE)
    await write(service, ANNA, BOB, "our secret")
    for role in ("student", "admin"):
        eve = service.person(EVE, role)
        answers = [
            await eve.get("/api/messages/threads"),
            await eve.get(f"/api/messages/threads/{ANNA}"),
            await eve.get(f"/api/messages/threads/{BOB}"),
            await eve.get("/api/messages/search?query=secret"),
            await eve.get(f"/api/messages/search?query=secret&user_id={ANNA}"),
        ]
        assert all("our secret" not in a.text for a in answers)


async def test_a_stranger_marking_all_read_changes_nothing(service: Harness) -> None:
    await introduce(service, ANNA, BOB, EVE)
    await write(service, ANNA, BOB)

    await service.person(EVE).patch(f"/api/messages/threads/{ANNA}/read-all")
    await service.person(ANNA).patch(f"/api/messages/threads/{BOB}/read-all")

    assert [m["is_read"] for m in await messages(service, BOB, ANNA)] == [False]
