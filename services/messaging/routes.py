"""HTTP edge of the messaging service: parse, call, answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from services.messaging import actions
from services.messaging.replicas import Owners
from services.messaging.views import ConversationView, MessageView, SendRequest, ThreadView, UnreadView
from shared.auth import Actor, Now
from shared.db import Reading, Transaction
from shared.idempotency import OnceOnly
from shared.paging import Paging50
from shared.types import Id

router = APIRouter(prefix="/api/messages", tags=["Messages"])


async def _owners(request: Request) -> Owners:
    owners: Owners = request.app.state.owners
    return owners


ReplicaOwners = Annotated[Owners, Depends(_owners)]


@router.post("", status_code=201)
async def send(body: SendRequest, actor: Actor, tx: Transaction, owners: ReplicaOwners, now: Now, once: OnceOnly) -> MessageView:
    """Write to somebody."""

    async def create() -> MessageView:
        message = await actions.send(tx, owners, actor, body.recipient_id, body.message, body.booking_id, now)
        return MessageView.of(message)

    return await once(tx, actor, body, MessageView, create)


@router.get("/threads")
async def list_threads(actor: Actor, tx: Reading, page: Paging50) -> list[ThreadView]:
    """Your conversations, the one with the newest message first."""
    return [ThreadView.of(t) for t in await actions.threads(tx, actor, page)]


@router.get("/threads/{other_user_id}")
async def get_conversation(other_user_id: Id, actor: Actor, tx: Reading, page: Paging50) -> ConversationView:
    """Your messages with somebody."""
    messages, total = await actions.conversation(tx, actor, other_user_id, page)
    return ConversationView.of(messages, total, page)


@router.get("/unread/count")
async def count_unread(actor: Actor, tx: Reading) -> UnreadView:
    """How many messages to you are not read yet."""
    return UnreadView(unread_count=await actions.unread_count(tx, actor))
