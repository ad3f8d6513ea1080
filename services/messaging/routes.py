"""HTTP edge of the messaging service: parse, call, answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response, UploadFile
from fastapi.responses import StreamingResponse

from services.messaging import attachments
from services.messaging.actions import blocking, changing, reading, sending
from services.messaging.names import content_disposition
from services.messaging.replicas import Owners
from services.messaging.search import words_of
from services.messaging.uploads import UploadRoute
from services.messaging.views import (
    AllReadView,
    BlockView,
    Caption,
    ConversationView,
    EditRequest,
    MessageView,
    OptionalId,
    SearchView,
    SendRequest,
    ThreadView,
    UnreadView,
)
from shared.auth import Actor, Now
from shared.db import Database, Reading, Transaction
from shared.http import answers_file
from shared.idempotency import OnceOnly
from shared.paging import Paging, Paging50
from shared.storage import Storage
from shared.types import Id, Maybe, SearchTerm

router = APIRouter(prefix="/api/messages", tags=["Messages"])
uploads = APIRouter(prefix="/api/messages", tags=["Messages"], route_class=UploadRoute)


async def _owners(request: Request) -> Owners:
    owners: Owners = request.app.state.owners
    return owners


async def _database(request: Request) -> Database:
    return Database.of(request)


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.attachments
    return storage


ReplicaOwners = Annotated[Owners, Depends(_owners)]
Attachments = Annotated[Storage, Depends(_storage)]
OwnDatabase = Annotated[Database, Depends(_database)]


@router.post("", status_code=201)
async def send(body: SendRequest, actor: Actor, tx: Transaction, owners: ReplicaOwners, now: Now, once: OnceOnly) -> MessageView:
    """Write to somebody."""

    async def create() -> MessageView:
        message = await sending.send(tx, owners, actor, body.recipient_id, body.message, body.booking_id, now)
        return MessageView.of(message)

    return await once(tx, actor, body, MessageView, create)


@uploads.post("/with-attachment", status_code=201)
async def send_with_attachment(
    recipient_id: Annotated[Id, Form()],
    file: UploadFile,
    actor: Actor,
    database: OwnDatabase,
    storage: Attachments,
    owners: ReplicaOwners,
    now: Now,
    once: OnceOnly,
    message: Annotated[Caption, Form()] = None,
    booking_id: Annotated[OptionalId, Form()] = None,
) -> MessageView:
    """Send a file of at most 10 MiB, an image, PDF, text or office document, with or without words."""
    upload = await attachments.accept(file)
    fingerprint = (recipient_id, message, booking_id, upload.name, upload.digest)
    async with database.transaction() as tx:  # what is refused, or was sent before, is not stored
        known = await once.remembered(tx, actor, fingerprint, MessageView)
        if known is not None:
            return known
        await sending.correspondents(tx, owners, actor, recipient_id, booking_id)
    await attachments.keep(database, storage, upload)  # between the transactions: storing takes its time
    async with database.transaction() as tx:

        async def create() -> MessageView:
            sent = await sending.send(tx, owners, actor, recipient_id, message or "", booking_id, now, upload)
            return MessageView.of(sent)

        return await once(tx, actor, fingerprint, MessageView, create)


@router.get("/attachments/{attachment_id}/download", response_class=Response, responses=answers_file("*/*"))
async def download(attachment_id: Id, actor: Actor, database: OwnDatabase, storage: Attachments) -> Response:
    """The file of a message that you sent or got."""
    async with database.reading() as tx:  # given back before the file is fetched
        found = await reading.attachment(tx, actor, attachment_id)
    headers = {
        "Content-Disposition": content_disposition(found.name),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    headers["Content-Length"] = str(found.size)
    file = await attachments.opened(storage, found.object_name, found.size)
    return StreamingResponse(file, media_type=found.content_type, headers=headers)


@router.get("/threads")
async def list_threads(actor: Actor, tx: Reading, page: Paging50) -> list[ThreadView]:
    """Your conversations, the one with the newest message first."""
    return [ThreadView.of(t) for t in await reading.threads(tx, actor, page)]


@router.get("/threads/{other_user_id}")
async def get_conversation(other_user_id: Id, actor: Actor, tx: Reading, page: Paging50) -> ConversationView:
    """Your messages with somebody."""
    messages, total = await reading.conversation(tx, actor, other_user_id, page)
    return ConversationView.of(messages, total, page)


@router.patch("/threads/{other_user_id}/read-all")
async def mark_all_read(other_user_id: Id, actor: Actor, tx: Transaction, now: Now) -> AllReadView:
    """Mark everything that somebody wrote to you as read."""
    marked = await reading.mark_all_read(tx, actor, other_user_id, now)
    return AllReadView(message="All messages of this conversation are read.", marked=marked)


@router.get("/search")
async def search(
    query: Annotated[SearchTerm, Query()], actor: Actor, tx: Reading, page: Paging, user_id: Annotated[Maybe[Id], Query()] = None
) -> SearchView:
    """Your messages that hold every word of `query`, with everybody or with `user_id`."""
    words = words_of(query)
    found, total = await reading.search(tx, actor, words, user_id, page)
    return SearchView.of(found, words, total, page)


@router.get("/unread/count")
async def count_unread(actor: Actor, tx: Reading) -> UnreadView:
    """How many messages to you are not read yet."""
    return UnreadView(unread_count=await reading.unread_count(tx, actor))


@router.get("/blocks")
async def list_blocks(actor: Actor, tx: Reading, page: Paging50) -> list[BlockView]:
    """Whom you have blocked, the latest first."""
    return [BlockView.of(b) for b in await blocking.blocks(tx, actor, page)]


@router.post("/blocks/{user_id}", status_code=201)
async def block(user_id: Id, actor: Actor, tx: Transaction, owners: ReplicaOwners) -> BlockView:
    """Neither of you can write to the other from now on."""
    return BlockView.of(await blocking.block(tx, owners, actor, user_id))


@router.delete("/blocks/{user_id}", status_code=204)
async def unblock(user_id: Id, actor: Actor, tx: Transaction) -> None:
    """Let somebody write to you again."""
    await blocking.unblock(tx, actor, user_id)


@router.patch("/{message_id}/read")
async def mark_read(message_id: Id, actor: Actor, tx: Transaction, now: Now) -> MessageView:
    """Mark a message to you as read."""
    return MessageView.of(await reading.mark_read(tx, actor, message_id, now))


@router.patch("/{message_id}")
async def edit(message_id: Id, body: EditRequest, actor: Actor, tx: Transaction, now: Now) -> MessageView:
    """Change what you wrote, within 15 minutes."""
    return MessageView.of(await changing.edit(tx, actor, message_id, body.message, now))


@router.delete("/{message_id}", status_code=204)
async def delete(message_id: Id, actor: Actor, tx: Transaction, now: Now) -> None:
    """Delete what you wrote: it is gone for both of you, and its place stays."""
    await changing.delete(tx, actor, message_id, now)
