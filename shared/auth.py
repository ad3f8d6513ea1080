"""Who is asking: dependencies that turn the bearer token into an `Actor`, and refuse those who may not."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from shared.errors import Forbidden, Unauthorized
from shared.tokens import Claims, Role, TokenVerifier

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


async def _maybe(request: Request, token: Annotated[str | None, Depends(_scheme)]) -> Principal | None:
    if token is None:
        if "authorization" in request.headers:
            raise Unauthorized("Send the token as `Authorization: Bearer <token>`.")
        return None
    verifier: TokenVerifier = request.app.state.tokens
    return principal(await verifier.verify(token), origin(request))


def principal(claims: Claims, origin: Origin) -> Principal:
    return Principal(claims.user_id, claims.role, claims.session_id, claims.version, claims.expires_at, origin)


async def _actor(actor: Annotated[Principal | None, Depends(_maybe)]) -> Principal:
    if actor is None:
        raise Unauthorized
    return actor


def _only(role: Role) -> Callable[[Principal], Awaitable[Principal]]:
    async def check(actor: Annotated[Principal, Depends(_actor)]) -> Principal:
        if actor.role is not role:
            raise WrongRole(f"Only a {role} may do this.")
        return actor

    return check


async def _now() -> datetime:
    return datetime.now(UTC)


Actor = Annotated[Principal, Depends(_actor)]
MaybeActor = Annotated[Principal | None, Depends(_maybe)]
Student = Annotated[Principal, Depends(_only(Role.STUDENT))]
Tutor = Annotated[Principal, Depends(_only(Role.TUTOR))]
Admin = Annotated[Principal, Depends(_only(Role.ADMIN))]
RequestOrigin = Annotated[Origin, Depends(origin)]
Now = Annotated[datetime, Depends(_now)]
