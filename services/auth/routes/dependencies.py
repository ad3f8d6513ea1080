"""What routes of this service ask for, besides what every service has."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request

from services.auth.actions.sessions import Lifetime, Session
from services.auth.keyring import Keyring
from services.auth.passwords import Passwords
from services.auth.settings import AuthSettings
from services.auth.views import SignedInUser, TokenView
from shared.db import Database
from shared.storage import Storage
from shared.threads import Threads


async def _settings(request: Request) -> AuthSettings:
    settings: AuthSettings = request.app.state.settings
    return settings


async def _database(request: Request) -> Database:
    return Database.of(request)


async def _passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


async def _drawing(request: Request) -> Threads:
    threads: Threads = request.app.state.drawing
    return threads


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


async def _keyring(request: Request) -> Keyring:
    keyring: Keyring = request.app.state.keyring
    await keyring.look(Database.of(request))
    return keyring


Settings = Annotated[AuthSettings, Depends(_settings)]
Base = Annotated[Database, Depends(_database)]
"""For routes with work between two transactions, or with something to commit before they refuse."""
Hashing = Annotated[Passwords, Depends(_passwords)]
Drawing = Annotated[Threads, Depends(_drawing)]
Files = Annotated[Storage, Depends(_storage)]
Keys = Annotated[Keyring, Depends(_keyring)]


class Tokens:
    """Makes the answer of every way to sign in."""

    def __init__(self, keyring: Keyring, settings: AuthSettings) -> None:
        self._keyring = keyring
        self._access = timedelta(minutes=settings.access_token_minutes)
        self.lifetime = Lifetime(timedelta(days=settings.refresh_token_days), timedelta(days=settings.session_days))

    def of(self, session: Session, now: datetime) -> TokenView:
        user = session.user
        signer = self._keyring.signer(now)
        return TokenView(
            access_token=signer.sign(user.id, user.role, user.token_version, str(session.id), now, self._access),
            expires_in=int(self._access.total_seconds()),
            refresh_token=session.refresh_token,
            user=SignedInUser(id=user.id, email=user.email, role=user.role),
        )


async def _tokens(keyring: Keys, settings: Settings) -> Tokens:
    return Tokens(keyring, settings)


Issuing = Annotated[Tokens, Depends(_tokens)]
