"""Who is asking: dependencies that turn the bearer token into an `Actor`, and refuse those who may not."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from fastapi.security.base import SecurityBase

from shared.errors import Forbidden, Unauthorized
from shared.tokens import Claims, InvalidToken, Role, TokenVerifier

_scheme = OAuth2PasswordBearer("/auth/login", scheme_name="bearer", auto_error=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, for the audit log. The address is the one the gateway saw."""

    ip_address: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person."""

    user_id: int
    role: Role
    session_id: str = ""
    version: int = 0
    expires_at: float = 0.0
    origin: Origin = Origin()

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN


class WrongRole(Forbidden):
    pass


def origin(request: Request) -> Origin:
    forwarded = request.headers.get("x-forwarded-for", "").split(",")[0].strip()
    address = forwarded or (request.client.host if request.client else None)
    return Origin(address, (request.headers.get("user-agent") or "")[:300] or None)


def principal(claims: Claims, origin: Origin) -> Principal:
    return Principal(claims.user_id, claims.role, claims.session_id, claims.version, claims.expires_at, origin)


async def bearer(request: Request) -> Principal | None:
    token = await _scheme(request)
    if token is None:
        if "authorization" in request.headers:
            raise InvalidToken("Send the token as `Authorization: Bearer <token>`.")
        return None
    verifier: TokenVerifier = request.app.state.tokens
    return principal(await verifier.verify(token), origin(request))


async def _somebody(request: Request) -> Principal:
    actor = await bearer(request)
    if actor is None:
        raise Unauthorized
    return actor


class _Anybody(SecurityBase):
    """Each of these is one dependency, not a chain of them: FastAPI takes half as long over a link as over an empty route."""

    model, scheme_name = _scheme.model, _scheme.scheme_name

    async def __call__(self, request: Request) -> Principal | None:
        return await bearer(request)


class _Somebody(_Anybody):
    async def __call__(self, request: Request) -> Principal:
        return await _somebody(request)


class _Only(_Anybody):
    def __init__(self, role: Role) -> None:
        self._role = role

    async def __call__(self, request: Request) -> Principal:
        actor = await _somebody(request)
        if actor.role is not self._role:
            raise WrongRole(f"Only {'an' if self._role is Role.ADMIN else 'a'} {self._role} may do this.")
        return actor


async def _origin(request: Request) -> Origin:
    return origin(request)


async def _now() -> datetime:
    return datetime.now(UTC)


Actor = Annotated[Principal, Depends(_Somebody())]
MaybeActor = Annotated[Principal | None, Depends(_Anybody())]
Student = Annotated[Principal, Depends(_Only(Role.STUDENT))]
Tutor = Annotated[Principal, Depends(_Only(Role.TUTOR))]
Admin = Annotated[Principal, Depends(_Only(Role.ADMIN))]
RequestOrigin = Annotated[Origin, Depends(_origin)]
Now = Annotated[datetime, Depends(_now)]
