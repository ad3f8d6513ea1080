"""Random secrets that clients hold and we only know the hash of: refresh tokens, and tokens in mails."""

import hashlib
import secrets


def fresh() -> str:
    """256 random bits: nothing to guess, so a fast hash is enough to store it."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
