"""Not wanting to hear from somebody."""

from datetime import datetime

from services.messaging import queries
from services.messaging.queries import Block
from services.messaging.replicas import Owners, known_person
from shared.auth import Principal
from shared.db import Tx
from shared.errors import BadRequest, Forbidden, NotFound
from shared.events.messaging import BlockChanged, MessagingAudited
from shared.outbox import publish
from shared.paging import Page


class Blocked(Forbidden):
    """One of the two has blocked the other."""


class BlockOfOneself(BadRequest):
    detail = "You cannot block yourself."


class PersonNotFound(NotFound):
    detail = "There is no such person."


class NotBlocked(NotFound):
    detail = "You have not blocked this person."


async def refuse_blocked(tx: Tx, user_id: int, other_id: int) -> None:
    """Raises `Blocked` when either of the two has blocked the other. Until commit, neither can."""
    await tx.run(queries.WRITING, one=user_id, other=other_id)
    await refuse_blocked_correspondents(tx, user_id, other_id)


async def refuse_blocked_correspondents(tx: Tx, user_id: int, other_id: int) -> None:
    """The same for whoever asked for `CORRESPONDENTS`, which has taken the lock."""
    blocker_id = await tx.value(queries.BLOCKER, one=user_id, other=other_id)
    if blocker_id == user_id:
        raise Blocked("You have blocked this person. Unblock them to write to them.")
    if blocker_id == other_id:
        raise Blocked("This person does not receive messages from you.")


async def block(tx: Tx, owners: Owners, actor: Principal, other_id: int) -> Block:
    """Refuse messages between the two from now on; doing it again changes nothing. Raises `BlockOfOneself`, `PersonNotFound`."""
    if other_id == actor.user_id:
        raise BlockOfOneself
    if await known_person(tx, owners, other_id) is None:
        raise PersonNotFound
    pair = {"blocker_id": actor.user_id, "blocked_id": other_id}
    await tx.run(queries.BLOCKING, one=actor.user_id, other=other_id)
    blocked_at = await tx.value(queries.BLOCK, **pair)
    if blocked_at is not None:
        audited = MessagingAudited.of("user_blocked", actor, "user", other_id)
        await publish(tx, _changed(actor, other_id, is_blocked=True, at=blocked_at), audited)
    return await tx.one(Block, queries.BLOCK_OF, **pair)


async def unblock(tx: Tx, actor: Principal, other_id: int) -> None:
    """Raises `NotBlocked`."""
    await tx.run(queries.BLOCKING, one=actor.user_id, other=other_id)
    lifted_at = await tx.value(queries.UNBLOCK, blocker_id=actor.user_id, blocked_id=other_id)
    if lifted_at is None:
        raise NotBlocked
    changed = _changed(actor, other_id, is_blocked=False, at=lifted_at)
    await publish(tx, changed, MessagingAudited.of("user_unblocked", actor, "user", other_id))


async def blocks(tx: Tx, actor: Principal, page: Page) -> list[Block]:
    """Whom the actor has blocked, the latest first."""
    return await tx.all(Block, queries.BLOCKS, blocker_id=actor.user_id, limit=page.limit, offset=page.offset)


def _changed(actor: Principal, other_id: int, *, is_blocked: bool, at: datetime) -> BlockChanged:
    return BlockChanged(blocker_id=actor.user_id, blocked_id=other_id, is_blocked=is_blocked, changed_at=at)
