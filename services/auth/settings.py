"""What the auth service is configured with, besides what every service is."""

import os
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import Field, ValidationInfo, field_validator, model_validator

from services.auth.fields import Email, Password, not_the_address
from services.auth.keys import SigningKey
from shared.settings import ServiceSettings

ADMIN_OF_DEVELOPMENT: Final = "admin12345"
"""The first administrator's password in `make run`, and so known to everybody."""


class AuthSettings(ServiceSettings):
    jwt_private_key: str = Field(validation_alias="EDUSTREAM_JWT_PRIVATE_KEY", repr=False)
    """Ed25519 private key, PEM (PKCS 8); `\\n` may be written for its line ends."""
    admin_email: Email | None = Field(None, validation_alias="EDUSTREAM_ADMIN_EMAIL")
    admin_password: Password | None = Field(None, validation_alias="EDUSTREAM_ADMIN_PASSWORD", repr=False)
    data: str = Field(".data", validation_alias="EDUSTREAM_DATA")
    """Where pictures are kept when no `OBJECT_STORE_URL` is given."""
    access_token_minutes: int = Field(20, ge=1, le=60)
    refresh_token_days: int = Field(30, ge=1, le=365)
    """A session ends when it was not refreshed for so long. A spent refresh token is remembered as long, to betray a thief."""
    session_days: int = Field(180, ge=1, le=3650)
    """A session ends after so long, however often it was refreshed."""
    verification_hours: int = Field(48, ge=1, le=720)
    reset_minutes: int = Field(60, ge=5, le=1440)
    key_ahead_seconds: int = Field(600, ge=0, le=86_400)
    """A rotated key is published so long before it signs, so that every verifier knows it by then (they ask every 5 minutes)."""
    hashing_threads: int = Field(max(1, (os.cpu_count() or 2) // 2), ge=1, le=64)
    """Argon2 runs on this many threads at once, by default half the processors: a storm of logins slows logins only."""
    drawing_threads: int = Field(1, ge=1, le=32)
    """Uploaded pictures are decoded on so many threads at once, each of which may take 260 MB for a moment."""

    @field_validator("jwt_private_key")
    @classmethod
    def _is_a_key(cls, pem: str) -> str:
        try:
            SigningKey(pem)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # the second: of one that is locked by a password
            raise ValueError("must be an Ed25519 private key, PEM (PKCS 8) without a password") from error
        return pem

    @field_validator("admin_email", "admin_password", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return value or None

    @field_validator("admin_password")
    @classmethod
    def _is_not_known(cls, password: str | None, others: ValidationInfo) -> str | None:
        if password == ADMIN_OF_DEVELOPMENT and others.data.get("env") == "production":
            raise ValueError("is the one of development: choose another")
        return password and not_the_address(password, others.data.get("admin_email") or "")

    @model_validator(mode="after")
    def _administrator_is_whole(self) -> Self:
        if (self.admin_email is None) != (self.admin_password is None):
            raise ValueError("set both EDUSTREAM_ADMIN_EMAIL and EDUSTREAM_ADMIN_PASSWORD, or neither")
        return self

    @property
    def avatars_url(self) -> str:
        """What pictures are served below."""
        return f"{self.public_url}/api/avatars"

    @property
    def objects_url(self) -> str:
        return self.object_store_url or f"file://{Path(self.data).resolve()}/objects"
