"""The callers: people of every kind, and everybody whose token must be good for nothing."""

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from deploy.local.suite import Suite
from services.auth.keys import SigningKey
from tests.clients import plain_client
from tests.e2e.people import Person, approved_tutor, registers
from tests.waiting import eventually

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Cast:
    """Everybody who tries. `student` and `tutor` own the things that are tried; `dead` are tokens by what is wrong with them."""

    student: Person
    tutor: Person
    tutor_id: int
    other_student: Person
    other_tutor: Person
    other_tutor_id: int
    admin: Person
    dead: dict[str, str]

    def tokens(self, column: str) -> dict[str, str | None]:
        """Who calls for a column of the table, and with which token."""
        if column == "dead":
            return dict(self.dead)
        person: Person | None = None if column == "anonymous" else getattr(self, column)
        return {column: person.token if person else None}


async def assemble(suite: Suite, admin: Person) -> Cast:
    gateway = suite.gateway_url
    tutors = [asyncio.create_task(approved_tutor(gateway, admin)) for _ in range(2)]
    student, stranger, inactive, leaver = await asyncio.gather(*(registers(gateway) for _ in range(4)))
    (tutor, tutor_id), (other, other_id) = await asyncio.gather(*tutors)
    await admin.call("PUT", f"/api/admin/users/{inactive.id}", json={"is_active": False})
    await leaver.call("POST", "/auth/logout-all", 204)
    dead = {"deactivated": inactive.token, "revoked": leaver.token} | forged(suite, admin)
    await _wait_until_dead(gateway, dead)
    return Cast(student, tutor, tutor_id, stranger, other, other_id, admin, dead)


def forged(suite: Suite, admin: Person) -> dict[str, str]:
    """Tokens that say what the administrator's says, as an attacker would make them (RFC 8725, section 2)."""
    real = SigningKey(suite.deployment.jwt_private_key)
    header, claims = jwt.get_unverified_header(admin.token), _claims(admin.token)
    public = load_pem_private_key(suite.deployment.jwt_private_key.replace("\\n", "\n").encode(), None).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    stranger = Ed25519PrivateKey.generate()
    now = datetime.now(UTC)
    return {
        "expired": real.sign(admin.id, "admin", claims["ver"], claims["sid"], now - 20 * MINUTE, 10 * MINUTE),
        "unsigned": f"{_part(header | {'alg': 'none'})}.{_part(claims)}.",
        "public key as a secret": _hs256(header, claims, pem),
        "unknown key": jwt.encode(claims, stranger, "EdDSA", headers={"kid": "nobody's"}),
        "another's key": jwt.encode(claims, stranger, "EdDSA", headers={"kid": header["kid"]}),
        "key in the token": jwt.encode(claims, stranger, "EdDSA", headers={"kid": header["kid"], "jwk": _jwk(stranger)}),
        "promoted": _promoted(admin.token),
    }


def _promoted(token: str) -> str:
    """Another account under the same signature."""
    header, _, signature = token.split(".")
    return f"{header}.{_part(_claims(token) | {'sub': '1', 'ver': 10_000})}.{signature}"


def _hs256(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    signed = f"{_part(header | {'alg': 'HS256'})}.{_part(claims)}"
    return f"{signed}.{_base64url(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(raw)}


def _part(values: dict[str, Any]) -> str:
    return _base64url(json.dumps(values).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def _wait_until_dead(gateway: str, dead: dict[str, str]) -> None:
    """Revocations need a moment to reach the gateway; what is forged was never alive."""

    async def refused() -> bool:
        async with plain_client(base_url=gateway, timeout=20) as client:
            answers = [await client.get("/auth/me", headers={"Authorization": f"Bearer {t}"}) for t in dead.values()]
        return {answer.status_code for answer in answers} == {401}

    await eventually(refused)
