"""Clients that leave while they are still sending: it is no fault of ours, and the log does not call it one."""

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.harness import Harness, token
from tests.services.auth.people import account

MULTIPART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="me.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG'


@pytest.mark.parametrize(
    ("path", "type_", "begun"),
    [
        ("/api/users/me/avatar", "multipart/form-data; boundary=x", MULTIPART),
        ("/auth/login", "application/json", b'{"email": "john@exa'),
        ("/auth/login", "application/x-www-form-urlencoded", b"username=john@exa"),
    ],
    ids=["picture", "login", "form"],
)
async def test_an_aborted_body_is_400_and_no_failure(service: Harness, path: str, type_: str, begun: bytes) -> None:
    user_id = await account(service)
    messages: list[Message] = [{"type": "http.request", "body": begun, "more_body": True}, {"type": "http.disconnect"}]

    async def leave() -> Message:
        return messages.pop(0)

    async def abandoned(scope: Scope, _receive: Receive, send: Send) -> None:
        await service.app(scope, leave, send)

    headers = {"Authorization": f"Bearer {token(user_id)}", "Content-Type": type_}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(abandoned), base_url="http://service", headers=headers) as client:
        answer = await client.post(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
