"""Signing access tokens (EdDSA, RFC 8037) and publishing the public key (JWKS, RFC 7517)."""

import base64
import hashlib
import json
import uuid
from datetime import datetime, timedelta
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from shared.tokens import ALGORITHM, AUDIENCE, ISSUER


class SigningKey:
    """The key that signs. Its `kid` is the RFC 7638 thumbprint, so that the same key has the same name everywhere."""

    def __init__(self, pem: str) -> None:
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the signing key must be Ed25519")
        self._key = key
        x = _base64url(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self._public = {"crv": "Ed25519", "kty": "OKP", "x": x}
        self.kid = _base64url(hashlib.sha256(json.dumps(self._public, separators=(",", ":"), sort_keys=True).encode()).digest())

    @classmethod
    def from_secret(cls, secret: bytes) -> Self:
        """From the 32 bytes that are the key."""
        key = Ed25519PrivateKey.from_private_bytes(secret)
        return cls(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())

    @property
    def secret(self) -> bytes:
        return self._key.private_bytes_raw()

    @property
    def jwk(self) -> dict[str, str]:
        return self._public | {"kid": self.kid, "use": "sig", "alg": ALGORITHM}

    def sign(self, user_id: int, role: str, version: int, session_id: str, now: datetime, lifetime: timedelta) -> str:
        """An access token for one account and session."""
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "role": role,
            "typ": "access",
            "jti": uuid.uuid4().hex,
            "sid": session_id,
            "ver": version,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self.kid})


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
