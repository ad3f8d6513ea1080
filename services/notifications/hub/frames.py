"""What clients send over a socket: read, judged, answered. Nothing a client sends may end more than its own connection."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from services.notifications import metrics
from services.notifications import queries as notifications
from services.notifications.hub import queries
from services.notifications.hub.closing import Close
from services.notifications.hub.hub import Hub
from services.notifications.hub.socket import Socket
from services.notifications.hub.wire import Wire
from shared.errors import Refusal
from shared.events.notifications import TypingNoticed
from shared.tokens import Claims, InvalidToken
from shared.types import MAX_ID

LONGEST = 4096  # characters of a frame
FRAMES = (500.0, 500.0)  # frames at once, and for each second: whoever sends more is read more slowly
ANSWERS = (10.0, 1.0)  # errors that are answered, and typing that is passed on


class Allowance:
    """A token bucket."""

    def __init__(self, most: float, per_second: float) -> None:
        self._most = most
        self._per_second = per_second
        self._left = most
        self._at = time.monotonic()

    def take(self) -> float:
        """0 when one may be had now (and it is taken), else the seconds until then."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self._per_second
        self._left -= 1
        return 0.0


class BadFrame(Refusal):
    detail = "Send a JSON object with a type: ping, typing, presence or auth."


def parse(text: str | None) -> dict[str, Any]:
    """The object in a frame. Raises `BadFrame`."""
    if text is None or len(text) > LONGEST:
        raise BadFrame
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFrame from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise BadFrame
    return frame


class Conversation:
    """Answers the frames of one socket."""

    def __init__(self, socket: Socket, hub: Hub, wire: Wire, verify: Callable[[str], Awaitable[Claims]]) -> None:
        self._socket = socket
        self._hub = hub
        self._wire = wire
        self._verify = verify
        self._frames = Allowance(*FRAMES)
        self._answers = Allowance(*ANSWERS)

    async def take(self, text: str | None) -> None:
        if wait := self._frames.take():
            await asyncio.sleep(wait)
        metrics.frames.inc()
        try:
            await self._answer(parse(text))
        except Refusal as refusal:
            if not self._answers.take():
                self._tell("error", code=refusal.code, detail=refusal.message)

    async def _answer(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "ping":
                self._tell("pong", event_id=self._socket.position)
            case "pong":
                return
            case "typing":
                await self._typing(frame)
            case "presence":
                await self._presence()
            case "auth":
                await self._renew(frame)
            case _:
                raise BadFrame

    async def _typing(self, frame: dict[str, Any]) -> None:
        """Passed on to people with whom there is a thread and no block; to all others, and too often, it is silently dropped: the
        answer must not tell who exists."""
        other = frame.get("recipient_id", frame.get("other_user_id"))
        if type(other) is not int or not 0 < other <= MAX_ID or other == self._socket.user_id:
            raise BadFrame("typing needs recipient_id, the account id of the other side.")
        if self._answers.take() or not await self._have_met(other):
            return
        is_typing = frame.get("is_typing", True) is not False
        await self._wire.say(TypingNoticed(user_id=self._socket.user_id, other_user_id=other, is_typing=is_typing))

    async def _have_met(self, other: int) -> bool:
        """Asked each time: a block takes effect at once."""
        async with self._hub.reading() as tx:
            found: bool = await tx.value(notifications.HAVE_MET, user_id=self._socket.user_id, other_id=other)
        return found

    async def _presence(self) -> None:
        """Who of the people one writes with is online now."""
        if self._answers.take():
            return
        async with self._hub.reading() as tx:
            rows = await tx.rows(queries.ONLINE, user_id=self._socket.user_id)
        self._tell("presence", online=[row["user_id"] for row in rows])

    async def _renew(self, frame: dict[str, Any]) -> None:
        """A fresh token keeps the connection beyond the end of the first."""
        try:
            claims = await self._verify(str(frame.get("token")))
        except InvalidToken:
            self._socket.close(Close.UNAUTHORIZED)
            return
        if claims.user_id != self._socket.user_id:
            self._socket.close(Close.FORBIDDEN)
        else:
            self._socket.claims = claims

    def _tell(self, kind: str, **fields: Any) -> None:
        self._socket.tell(json.dumps({"type": kind} | fields))
