"""What other services may ask."""

from fastapi import APIRouter

from services.auth.actions.accounts import public_state
from services.auth.queries import BY_ID, Account
from services.auth.routes.dependencies import Settings
from shared.db import Reading
from shared.errors import NotFound
from shared.events.auth import UserSnapshot
from shared.neighbours import Internal
from shared.types import Id

router = APIRouter(prefix="/internal", dependencies=[Internal], include_in_schema=False)


@router.get("/users/{user_id}")
async def user_snapshot(user_id: Id, tx: Reading, settings: Settings) -> UserSnapshot:
    """The state of an account as its events carry it, for a service whose replica lags."""
    account = await tx.maybe(Account, BY_ID, id=user_id)
    if account is None:
        raise NotFound
    return UserSnapshot(**public_state(account, settings.avatars_url))
