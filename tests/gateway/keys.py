"""Access tokens as auth signs them, and the public key to check them with."""

import base64
import time
import uuid

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.tokens import ALGORITHM, AUDIENCE, ISSUER

_KEY = Ed25519PrivateKey.generate()
_PUBLIC = base64.urlsafe_b64encode(_KEY.public_key().public_bytes_raw()).rstrip(b"=").decode()
JWKS = {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": ALGORITHM, "use": "sig", "kid": "test", "x": _PUBLIC}]}


def token(user_id: int, role: str = "student", version: int = 1, minutes: float = 20, session_id: str = "test") -> str:
    """A real access token."""
    now = time.time()
    claims = {
        "sub": str(user_id),
        "role": role,
        "typ": "access",
        "sid": session_id,
        "ver": version,
        "jti": uuid.uuid4().hex,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": int(now),
        "exp": int(now + minutes * 60),
    }
    return jwt.encode(claims, _KEY, algorithm=ALGORITHM, headers={"kid": "test"})
