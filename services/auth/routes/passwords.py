"""Changing and resetting passwords, proving e-mail addresses."""

import asyncio
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Response

from services.auth.actions import accounts, mails, passwords, proofs, sessions
from services.auth.routes.dependencies import Base, Hashing, Issuing, Settings
from services.auth.views import (
    ChangePasswordRequest,
    ForgotPasswordRequest,
    MessageView,
    ResendRequest,
    ResetPasswordRequest,
    TokenView,
    VerifyEmailRequest,
)
from shared.auth import Actor, MaybeActor, Now, RequestOrigin
from shared.db import Transaction
from shared.errors import Invalid

router = APIRouter(prefix="/auth", tags=["Authentication"])
SAME_TIME = 0.15  # seconds that asking for a mail takes at least, whether anybody has the address or not


@router.post("/change-password")
async def change_password(
    body: ChangePasswordRequest, actor: Actor, base: Base, hashing: Hashing, tokens: Issuing, response: Response, now: Now
) -> TokenView:
    """Set another password. All sessions end; the answer begins a new one."""
    async with base.reading() as reading:
        passwords.acceptable(body.new_password, (await accounts.me(reading, actor)).email)
    proof = await proofs.weigh(base, hashing, actor.user_id, body.current_password, actor.origin, now)
    new_hash = await hashing.hash(body.new_password) if proof.is_right else ""
    async with base.transaction() as tx:
        proven = await proofs.accept(tx, proof, now)
        if proven is not None:
            await accounts.me_locked(tx, actor)
            changed = await passwords.change(tx, proven, actor, new_hash, now)
            session = await sessions.start(tx, changed, actor.origin, now, tokens.lifetime)
    if proven is None:
        raise passwords.WrongPassword
    response.headers["Cache-Control"] = "no-store"
    return tokens.of(session, now)


@router.post("/forgot-password", status_code=202)
async def forgot_password(body: ForgotPasswordRequest, base: Base, settings: Settings, now: Now) -> MessageView:
    """Have a mail sent to reset a forgotten password. The answer is the same whether anybody has the address."""
    pause = asyncio.create_task(asyncio.sleep(SAME_TIME))
    async with base.transaction() as tx:
        await mails.request_for(tx, body.email, "reset_password", now, timedelta(minutes=settings.reset_minutes))
    await pause
    return MessageView(message="If an account has this address, a mail is on its way.")


@router.post("/reset-password")
async def reset_password(
    body: ResetPasswordRequest, origin: RequestOrigin, base: Base, hashing: Hashing, settings: Settings, now: Now
) -> MessageView:
    """Set another password with the token of the mail. All sessions end."""
    async with base.reading() as reading:
        owner = await passwords.owner_of(reading, body.token, now)
    passwords.acceptable(body.new_password, owner.email)
    new_hash = await hashing.hash(body.new_password)
    async with base.transaction() as tx:
        await passwords.reset(tx, body.token, new_hash, settings.avatars_url, origin, now)
    return MessageView(message="The password is set. Sign in with it.")


@router.post("/verify-email")
async def verify_email(
    body: VerifyEmailRequest, origin: RequestOrigin, tx: Transaction, settings: Settings, now: Now
) -> MessageView:
    """Prove the e-mail address with the token that was mailed to it."""
    await passwords.verify_email(tx, body.token, settings.avatars_url, origin, now)
    return MessageView(message="The e-mail address is verified.")


@router.post("/resend-verification", status_code=202)
async def resend_verification(
    actor: MaybeActor, base: Base, settings: Settings, now: Now, body: Annotated[ResendRequest | None, Body()] = None
) -> MessageView:
    """Have the verification mail sent again: to the signed-in account, or to the address in the body."""
    pause = asyncio.create_task(asyncio.sleep(SAME_TIME))
    lifetime = timedelta(hours=settings.verification_hours)
    async with base.transaction() as tx:
        email = (await accounts.me(tx, actor)).email if actor else body.email if body else None
        if email is None:
            message = "send the address, or an access token"
            raise Invalid(f"email: {message}", errors=[{"field": "email", "message": message}])
        await mails.request_for(tx, email, "verify_email", now, lifetime)
    await pause
    return MessageView(message="If this address waits for verification, a mail is on its way.")
