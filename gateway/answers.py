"""The gateway's own answers."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.outbound import NOTHING_LOADED, POLICY, Headers
from gateway.server.status import NO_BODY
from shared.errors import Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def answer(send: Send, status: int, body: bytes, headers: Headers, content_type: bytes = b"application/json") -> int:
    """Send a whole answer; gives back its status."""
    start: Headers = [*headers]
    if status not in NO_BODY:
        start += [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    if not any(name == POLICY for name, _ in headers):
        start.append(NOTHING_LOADED)
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
    return status


async def refuse(send: Send, refusal: Refusal, headers: Headers) -> int:
    extra = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    return await answer(send, refusal.status, json.dumps(refusal.body()).encode(), [*headers, *extra])
