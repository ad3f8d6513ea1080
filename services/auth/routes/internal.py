"""What other services may ask."""

from typing import LiteralString

from fastapi import APIRouter
from pydantic import BaseModel

from services.auth.actions.accounts import change, public_state
from services.auth.queries import BY_ID, BY_IDS, LOCKED, Account
from services.auth.routes.dependencies import Settings
from shared import integrity
from shared.db import Reading, Transaction, Tx
from shared.errors import NotFound
from shared.events.auth import UserSnapshot
from shared.integrity import Owned
from shared.neighbours import Internal
from shared.outbox import publish
from shared.types import Id, TimeZone

router = APIRouter(prefix="/internal", dependencies=[Internal], include_in_schema=False)


@router.get("/users/{user_id}")
async def user_snapshot(user_id: Id, tx: Reading, settings: Settings) -> UserSnapshot:
    """The state of an account as its events carry it, for a service whose replica lags."""
    account = await tx.maybe(Account, BY_ID, id=user_id)
    if account is None:
        raise NotFound
    return UserSnapshot(**public_state(account, settings.avatars_url))


class TimeZoneRequest(BaseModel):
    timezone: TimeZone


@router.put("/users/{user_id}/timezone")
async def put_timezone(user_id: Id, body: TimeZoneRequest, tx: Transaction, settings: Settings) -> UserSnapshot:
    """Student profiles show the account's zone and let it be changed; it is kept here."""
    account = await tx.maybe(Account, LOCKED, id=user_id)
    if account is None or not account.is_active:
        raise NotFound
    changed = await change(tx, account, settings.avatars_url, {"timezone": body.timezone})
    return UserSnapshot(**public_state(changed, settings.avatars_url))


class Snapshots:
    """Says the state of accounts again where a replica differs. `avatars` is set when the process starts."""

    avatars = ""

    async def resend(self, tx: Tx, ids: list[int]) -> None:
        accounts = await tx.all(Account, BY_IDS, ids=ids)
        await publish(tx, *(UserSnapshot(**public_state(account, self.avatars)) for account in accounts))


snapshots = Snapshots()
FIELDS = ("email", "role", "first_name", "last_name", "currency", "timezone", "is_active", "is_verified")
PREFERENCES = ("email_notifications", "push_notifications", "sms_notifications")
LIFE = {"created_at": "created_at", "deleted_at": "deleted_at", "purged": "purged_at IS NOT NULL"}
LOOKS: dict[str, LiteralString] = {"name": "first_name || ' ' || last_name", "avatar_name": "avatar_name"}
MAIL: dict[str, LiteralString] = {"email_until_purged": "CASE WHEN purged_at IS NULL THEN email ELSE '' END"}
fields = {name: name for name in FIELDS + PREFERENCES} | LIFE | LOOKS | MAIL
comparison = integrity.router(owned=[Owned("user", "accounts", snapshots.resend, fields=fields)])
