"""HTTP edge of the auth service: parse, call, answer."""

import uuid
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from services.auth import actions, queries
from services.auth.keys import SigningKey
from services.auth.passwords import Passwords
from services.auth.queries import Account, Credentials
from services.auth.settings import AuthSettings
from services.auth.views import LoginRequest, RegisterRequest, SignedInUser, TokenView, UserView
from shared.auth import Actor, Now
from shared.db import Database, Reading, Transaction
from shared.errors import NotFound, Unauthorized
from shared.events.auth import UserSnapshot
from shared.http import invalid_is_400
from shared.neighbours import Internal

router = APIRouter(tags=["Authentication"])
internal = APIRouter(prefix="/internal", dependencies=[Internal], include_in_schema=False)


class WrongCredentials(Unauthorized):
    detail = "The e-mail address or the password is wrong."


async def _settings(request: Request) -> AuthSettings:
    settings: AuthSettings = request.app.state.settings
    return settings


async def _passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


async def _signing_key(request: Request) -> SigningKey:
    key: SigningKey = request.app.state.signing_key
    return key


async def _avatars(request: Request) -> str:
    return f"{request.app.state.settings.public_url}/api/avatars"


Settings = Annotated[AuthSettings, Depends(_settings)]
Hashing = Annotated[Passwords, Depends(_passwords)]
Signing = Annotated[SigningKey, Depends(_signing_key)]
Avatars = Annotated[str, Depends(_avatars)]


@router.post("/auth/register", status_code=201)
@invalid_is_400
async def register(body: RegisterRequest, request: Request, hashing: Hashing, avatars: Avatars) -> UserView:
    """Create an account, as a student or as a tutor."""
    fields = body.model_dump(exclude={"password"})
    fields["password_hash"] = await hashing.hash(body.password)  # before the transaction: hashing takes its time
    database: Database = request.app.state.database
    async with database.transaction() as tx:
        account = await actions.register(tx, avatars, **fields)
    return UserView.of(account, avatars)


@router.post("/auth/login")
async def login(body: LoginRequest, request: Request, hashing: Hashing, key: Signing, settings: Settings, now: Now) -> TokenView:
    """Exchange e-mail and password for an access token."""
    database: Database = request.app.state.database
    async with database.reading() as tx:
        found = await tx.maybe(Credentials, queries.CREDENTIALS, email=body.email)
    correct = await hashing.matches(body.password, found.password_hash if found else None)
    if found is None or not correct or not found.is_active:
        raise WrongCredentials
    lifetime = timedelta(minutes=settings.access_token_minutes)
    token = key.sign(found.id, found.role, found.token_version, uuid.uuid4().hex, now, lifetime)
    user = SignedInUser(id=found.id, email=body.email, role=found.role, is_active=True)
    return TokenView(access_token=token, expires_in=int(lifetime.total_seconds()), user=user)


@router.get("/auth/me")
async def get_me(actor: Actor, tx: Reading, avatars: Avatars) -> UserView:
    """The signed-in account."""
    return UserView.of(await actions.me(tx, actor), avatars)


@router.get("/.well-known/jwks.json")
async def jwks(key: Signing) -> dict[str, list[dict[str, Any]]]:
    """The public keys of access tokens."""
    return {"keys": [key.jwk]}


@internal.get("/users/{user_id}")
async def user_snapshot(user_id: int, tx: Transaction, avatars: Avatars) -> UserSnapshot:
    """The state of an account as its events carry it, for a service whose replica lags."""
    account = await tx.maybe(Account, queries.BY_ID, id=user_id)
    if account is None:
        raise NotFound
    return UserSnapshot(**actions.public_state(account, avatars))
