"""The signed-in account's preferences, currency and picture."""

import hashlib

from fastapi import APIRouter, Request

from services.auth.actions import accounts, avatars
from services.auth.fields import CURRENCIES
from services.auth.routes.dependencies import Base, Drawing, Files, Settings
from services.auth.views import (
    AvatarView,
    CurrencyRequest,
    CurrencyView,
    DeletedAvatarView,
    PreferencesRequest,
    PreferencesView,
    UploadedAvatarView,
    UserView,
)
from shared.auth import Actor, Now
from shared.db import Reading, Transaction
from shared.idempotency import OnceOnly
from shared.uploads import PICTURE_BODY, drawn_picture

router = APIRouter(prefix="/api/users", tags=["User Management"])


@router.post("/me/avatar", status_code=201, openapi_extra=PICTURE_BODY)
async def upload_avatar(
    request: Request,
    actor: Actor,
    base: Base,
    reading: Reading,
    drawing: Drawing,
    files: Files,
    settings: Settings,
    now: Now,
    once: OnceOnly,
) -> UploadedAvatarView:
    """Upload a picture: JPEG, PNG, GIF or WebP, up to 5 MiB."""
    picture = await drawn_picture(request, drawing, actor)
    fingerprint = ("avatar", hashlib.sha256(picture).hexdigest())
    known = await once.remembered(reading, actor, fingerprint, UploadedAvatarView)
    if known is not None:
        return known  # it is stored already
    name = await avatars.store(base, files, picture)
    async with base.transaction() as tx:

        async def put() -> UploadedAvatarView:
            account = await avatars.put(tx, await accounts.me_locked(tx, actor), name, settings.avatars_url)
            return UploadedAvatarView(avatar_url=f"{settings.avatars_url}/{account.avatar_name}", uploaded_at=now)

        return await once(tx, actor, fingerprint, UploadedAvatarView, put)


@router.get("/me/avatar")
async def get_avatar(actor: Actor, tx: Reading, settings: Settings) -> AvatarView:
    """Where the own picture is."""
    return AvatarView(avatar_url=f"{settings.avatars_url}/{(await accounts.me(tx, actor)).avatar_name}")


@router.delete("/me/avatar")
async def delete_avatar(actor: Actor, tx: Transaction, settings: Settings) -> DeletedAvatarView:
    """Go back to the default picture."""
    account = await avatars.put(tx, await accounts.me_locked(tx, actor), avatars.DEFAULT, settings.avatars_url)
    return DeletedAvatarView(avatar_url=f"{settings.avatars_url}/{account.avatar_name}")


@router.get("/preferences")
async def get_preferences(actor: Actor, tx: Reading) -> PreferencesView:
    """How the account wants to be notified."""
    return PreferencesView.of(await accounts.me(tx, actor))


@router.patch("/preferences")
async def update_preferences(body: PreferencesRequest, actor: Actor, tx: Transaction, settings: Settings) -> PreferencesView:
    """Change how the account wants to be notified."""
    changes = body.model_dump(exclude_unset=True)
    return PreferencesView.of(await accounts.change_me(tx, actor, settings.avatars_url, changes))


@router.get("/currency/options")
async def currency_options(_actor: Actor) -> list[CurrencyView]:
    """The currencies to choose from."""
    return [CurrencyView(code=code, symbol=symbol, name=name) for code, (symbol, name) in CURRENCIES.items()]


@router.patch("/currency")
async def update_currency(body: CurrencyRequest, actor: Actor, tx: Transaction, settings: Settings) -> UserView:
    """Choose the currency that prices are shown in."""
    account = await accounts.change_me(tx, actor, settings.avatars_url, body.model_dump())
    return UserView.of(account, settings.avatars_url)
