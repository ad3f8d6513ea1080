"""The secrets of one local instance: made once, kept in one file that only its owner can read."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.local.databases import Passwords
from deploy.local.servers.server import write_private


@dataclass(frozen=True)
class Secrets:
    """What processes of this instance share, and what only one of them may know."""

    internal_token: str
    jwt_private_key: str  # Ed25519, PEM
    passwords: dict[str, Passwords]  # by service


def load_or_create(path: Path, services: Iterable[str]) -> Secrets:
    """The secrets in `path`, completed with those that are missing."""
    known = json.loads(path.read_text()) if path.exists() else {}
    passwords = known.get("passwords", {})
    complete: dict[str, Any] = {
        "internal_token": known.get("internal_token") or secrets.token_urlsafe(32),
        "jwt_private_key": known.get("jwt_private_key") or _private_key(),
        "passwords": {name: passwords.get(name) or [_password(), _password()] for name in services},
    }
    if complete != known:
        write_private(path, json.dumps(complete, indent=1))
    return Secrets(
        complete["internal_token"],
        complete["jwt_private_key"],
        {name: Passwords(owner=pair[0], runtime=pair[1]) for name, pair in complete["passwords"].items()},
    )


def _password() -> str:
    return secrets.token_urlsafe(18)


def _private_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
