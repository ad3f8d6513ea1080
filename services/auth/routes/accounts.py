"""Registering, and the signed-in account."""

from datetime import timedelta

from fastapi import APIRouter

from services.auth.actions import accounts, administration, mails, proofs
from services.auth.actions.passwords import WrongPassword
from services.auth.routes.dependencies import Base, Hashing, Settings
from services.auth.rules import may_go
from services.auth.views import DeleteMeRequest, RegisterRequest, UpdateMeRequest, UserView
from shared.auth import Actor, Now
from shared.db import Reading, Transaction
from shared.http import invalid_is_400

router = APIRouter(tags=["Authentication"])


@router.post("/auth/register", status_code=201)
@invalid_is_400
async def register(body: RegisterRequest, base: Base, hashing: Hashing, settings: Settings, now: Now) -> UserView:
    """Create an account, as a student or as a tutor."""
    fields = body.model_dump(exclude={"password"})
    fields["password_hash"] = await hashing.hash(body.password)  # before the transaction: hashing takes its time
    async with base.transaction() as tx:
        account = await accounts.register(tx, settings.avatars_url, **fields)
        await mails.request(tx, account, "verify_email", now, timedelta(hours=settings.verification_hours))
    return UserView.of(account, settings.avatars_url)


@router.get("/auth/me")
async def get_me(actor: Actor, tx: Reading, settings: Settings) -> UserView:
    """The signed-in account."""
    return UserView.of(await accounts.me(tx, actor), settings.avatars_url)


@router.put("/auth/me")
async def update_me(body: UpdateMeRequest, actor: Actor, tx: Transaction, settings: Settings) -> UserView:
    """Change names, phone number or time zone."""
    changes = body.model_dump(exclude_unset=True)
    return UserView.of(await accounts.change_me(tx, actor, settings.avatars_url, changes), settings.avatars_url)


@router.delete("/auth/me", status_code=204)
async def delete_me(body: DeleteMeRequest, actor: Actor, base: Base, hashing: Hashing, settings: Settings, now: Now) -> None:
    """Delete the own account. An administrator can restore it until it is purged."""
    proof = await proofs.weigh(base, hashing, actor.user_id, body.password, actor.origin, now)
    async with base.transaction() as tx:
        await proofs.take_turn(tx, proof)
        administrators = await administration.lock_administrators(tx, actor) if actor.is_admin else set()
        proven = await proofs.accept(tx, proof, now)
        if proven is not None:
            may_go(actor.user_id, administrators)
            account = await accounts.me_locked(tx, actor)
            await administration.delete(tx, actor, account, settings.avatars_url, None, now)
    if proven is None:
        raise WrongPassword
