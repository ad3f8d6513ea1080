"""Signing in and out, and the keys of access tokens."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from services.auth.actions import accounts, proofs, sessions
from services.auth.actions.audit import by_administrator
from services.auth.routes.dependencies import Base, Hashing, Issuing, Keys
from services.auth.views import LoginRequest, LogoutRequest, RefreshRequest, TokenView
from shared.auth import Actor, Now, Principal, RequestOrigin, principal
from shared.auth import origin as origin_of
from shared.db import Transaction
from shared.errors import BadRequest, Unauthorized
from shared.events.auth import AuthAudited
from shared.http import never_answers
from shared.outbox import publish
from shared.tokens import InvalidToken, Role, TokenVerifier

router = APIRouter(tags=["Authentication"])
FORM = {
    "type": "object",
    "required": ["username", "password"],
    "properties": {
        "grant_type": {"type": "string", "pattern": "password"},
        "username": {"type": "string", "description": "The e-mail address"},
        "password": {"type": "string", "format": "password"},
        "scope": {"type": "string"},
    },
}
LOGIN_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": LoginRequest.model_json_schema(),
                "example": {"email": "student@example.com", "password": "password123"},
            },
            "application/x-www-form-urlencoded": {"schema": FORM},
        },
    }
}


class WrongCredentials(Unauthorized):
    detail = "The e-mail address or the password is wrong."


class InvalidRefreshToken(Unauthorized):
    detail = "The refresh token is not valid any more. Sign in again."


async def _credentials(request: Request) -> LoginRequest:
    """JSON, or the form of OAuth2's password grant (which calls the e-mail address `username`)."""
    try:
        if "application/x-www-form-urlencoded" in request.headers.get("content-type", ""):
            form = await request.form()
            return LoginRequest.model_validate({"email": form.get("username"), "password": form.get("password")})
        return LoginRequest.model_validate(json.loads(await request.body()))
    except ValidationError as error:
        wrong: list[Any] = [{**e, "loc": ("body", *e["loc"])} for e in error.errors(include_input=False)]
        raise RequestValidationError(wrong) from error
    except UnicodeDecodeError as error:
        raise BadRequest("The body is no text.") from error
    except (ValueError, RecursionError) as error:
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body",), "msg": "must be a JSON object"}]) from error


async def _lenient_actor(request: Request) -> Principal | None:
    """Who signs out: a stale access token beside a good refresh token is no reason to refuse."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    verifier: TokenVerifier = request.app.state.tokens
    try:
        return principal(await verifier.verify(token), origin_of(request))
    except InvalidToken:
        return None


@router.post("/auth/login", openapi_extra=LOGIN_BODY)
async def login(
    body: Annotated[LoginRequest, Depends(_credentials)],
    origin: RequestOrigin,
    base: Base,
    hashing: Hashing,
    tokens: Issuing,
    response: Response,
    now: Now,
) -> TokenView:
    """Exchange e-mail address and password for an access token and a refresh token."""
    proof = await proofs.weigh(base, hashing, body.email, body.password, origin, now)
    async with base.transaction() as tx:
        proven = await proofs.accept(tx, proof, now)
        session = await sessions.start(tx, proven, origin, now, tokens.lifetime) if proven else None
        if session and session.user.role == Role.ADMIN:
            await publish(tx, by_administrator("administrator_signed_in", session.user.id, origin))
    if session is None:
        raise WrongCredentials
    response.headers["Cache-Control"] = "no-store"
    return tokens.of(session, now)


@router.post("/auth/refresh")
async def refresh(
    body: RefreshRequest, origin: RequestOrigin, base: Base, tokens: Issuing, response: Response, now: Now
) -> TokenView:
    """Exchange a refresh token, good once, for a new pair of tokens."""
    async with base.transaction() as tx:
        session = await sessions.refresh(tx, body.refresh_token, origin, now, tokens.lifetime)
    if session is None:
        raise InvalidRefreshToken
    response.headers["Cache-Control"] = "no-store"
    return tokens.of(session, now)


@router.post("/auth/logout", status_code=204)
@never_answers(InvalidToken)
async def logout(
    actor: Annotated[Principal | None, Depends(_lenient_actor)],
    tx: Transaction,
    now: Now,
    body: Annotated[LogoutRequest | None, Body()] = None,
) -> None:
    """End this session: that of the access token, or of the refresh token in the body."""
    token = body.refresh_token if body else None
    if actor is None and token is None:
        raise Unauthorized
    if token is not None:
        await sessions.end_by_refresh_token(tx, token, now)
    if actor is not None:
        await sessions.end_by_id(tx, actor.user_id, actor.session_id, now)


@router.post("/auth/logout-all", status_code=204)
async def logout_all(actor: Actor, tx: Transaction, now: Now) -> None:
    """End all sessions of this account, this one too."""
    await accounts.me_locked(tx, actor)
    await sessions.end_all(tx, actor.user_id, now)
    await publish(tx, AuthAudited.of("sessions_ended", actor, "user", actor.user_id))


@router.get("/.well-known/jwks.json")
async def jwks(keys: Keys, response: Response, now: Now) -> dict[str, Any]:
    """The public keys of access tokens."""
    response.headers["Cache-Control"] = "public, max-age=60"
    return keys.document(now)
