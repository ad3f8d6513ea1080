"""`/ws/{user_id}`: letting people in, and listening to them until they leave."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from services.notifications.hub import frames
from services.notifications.hub.closing import Close
from services.notifications.hub.frames import BadFrame, Conversation
from services.notifications.hub.hub import Hub
from services.notifications.hub.protocol import CUT
from services.notifications.hub.socket import Socket
from services.notifications.hub.wire import Wire
from shared.errors import Unavailable
from shared.tokens import Claims, InvalidToken, TokenVerifier
from shared.types import MAX_ID

AUTH_WITHIN = 10.0  # seconds for the first message, where the token is not in the address

router = APIRouter()


class Unwelcome(Exception):
    """This connection is closed instead."""

    def __init__(self, why: Close) -> None:
        self.why = why
        super().__init__(why.reason)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is let in, and the number after which messages are to be told."""

    claims: Claims
    position: int


@router.websocket("/ws/{user_id}")
async def connect(websocket: WebSocket, user_id: str) -> None:
    """Live messages of `user_id`, for that person only."""
    hub: Hub = websocket.app.state.hub
    try:
        visitor = await _let_in(websocket, hub, _number(user_id) or 0)
    except Unwelcome as refused:
        await _refuse(websocket, refused.why)
    except Unavailable:
        await _refuse(websocket, Close.TRY_LATER)
    except WebSocketDisconnect:
        return
    else:
        cut = websocket.scope["extensions"][CUT]
        await _listen(websocket, hub, Socket(visitor.claims, visitor.position, websocket.send_text, cut))


async def _let_in(websocket: WebSocket, hub: Hub, owner: int) -> Visitor:
    """Raises `Unwelcome`. The last number is read before the handshake is answered: whatever is said after it is to be heard."""
    tokens: TokenVerifier = websocket.app.state.tokens
    token, since = websocket.query_params.get("token"), websocket.query_params.get("since")
    if token is not None:
        claims = await _verify(tokens, token, owner)
        head = await hub.head(owner)
        await websocket.accept()
    else:
        async with hub.stranger():
            head = await hub.head_for_stranger(owner)
            await websocket.accept()
            token, first_since = await _first_message(websocket)
        claims = await _verify(tokens, token, owner)
        since = since if first_since is None else first_since
    return Visitor(claims, head if since is None else min(_since(since), head))


async def _verify(tokens: TokenVerifier, token: str, owner: int) -> Claims:
    try:
        claims = await tokens.verify(token)
    except InvalidToken as error:
        raise Unwelcome(Close.UNAUTHORIZED) from error
    if claims.user_id != owner:
        raise Unwelcome(Close.FORBIDDEN)
    return claims


async def _first_message(websocket: WebSocket) -> tuple[str, str | None]:
    """The token, and since when, from `{"type": "auth", "token": …, "since"?: …}`."""
    try:
        async with asyncio.timeout(AUTH_WITHIN):
            message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        frame = frames.parse(message.get("text"))
    except (TimeoutError, BadFrame) as error:
        raise Unwelcome(Close.UNAUTHORIZED) from error
    token, since = frame.get("token"), frame.get("since")
    if frame["type"] != "auth" or not isinstance(token, str):
        raise Unwelcome(Close.UNAUTHORIZED)
    return token, None if since is None else str(since)


async def _refuse(websocket: WebSocket, why: Close) -> None:
    """A client sees the code of a close only on a connection that was accepted."""
    if websocket.application_state is WebSocketState.CONNECTING:
        await websocket.accept()
    await websocket.close(why.code, why.reason)


async def _listen(websocket: WebSocket, hub: Hub, socket: Socket) -> None:
    wire: Wire = websocket.app.state.wire
    conversation = Conversation(socket, hub, wire, websocket.app.state.tokens.verify)
    hub.add(socket)
    try:
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            if not socket.is_closed:
                await conversation.take(message.get("text"))
    finally:
        hub.remove(socket)


def _since(text: str) -> int:
    number = _number(text)
    if number is None:
        raise Unwelcome(Close.BAD_REQUEST)
    return number


def _number(text: str) -> int | None:
    """The number a client wrote, 0 included, or None."""
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > MAX_ID:
        return None
    return int(text)
