"""What the auth service is configured with, besides what every service is."""

from pydantic import Field

from shared.settings import ServiceSettings


class AuthSettings(ServiceSettings):
    jwt_private_key: str = Field(validation_alias="EDUSTREAM_JWT_PRIVATE_KEY", repr=False)
    """Ed25519 private key, PEM (PKCS 8); `\\n` may be written for its line ends."""
    admin_email: str = Field("", validation_alias="EDUSTREAM_ADMIN_EMAIL")
    admin_password: str = Field("", validation_alias="EDUSTREAM_ADMIN_PASSWORD", repr=False)
    access_token_minutes: int = Field(20, ge=1, le=60)
    hashing_threads: int = Field(2, ge=1, le=32)
    """Argon2 runs on this many threads at once: a storm of logins slows logins only."""
