"""What the service is configured with: a first administrator nobody can guess, or none."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from services.auth.app import service
from services.auth.settings import ADMIN_OF_DEVELOPMENT, AuthSettings
from shared.settings import ServiceSettings, load
from tests.harness import settings_of

ROOT = {"admin_email": "root@Example.com", "admin_password": "long enough"}
SERVERS = {"database_url": "postgresql://unused", "redis_url": "redis://unused", "amqp_url": "amqp://unused"}


def settings(**values: str) -> ServiceSettings:
    return settings_of(service, **SERVERS | values)


def test_the_first_administrator_is_an_address_and_a_password() -> None:
    made = settings(**ROOT)

    assert isinstance(made, AuthSettings)
    assert (made.admin_email, made.admin_password) == ("root@example.com", "long enough")


@pytest.mark.parametrize("values", [{}, {"admin_email": "", "admin_password": ""}])
def test_there_may_be_none(values: dict[str, str]) -> None:
    made = settings(**values)

    assert isinstance(made, AuthSettings)
    assert (made.admin_email, made.admin_password) == (None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"admin_password": ""},
        {"admin_email": ""},
        {"admin_email": "root"},
        {"admin_password": "short"},
        {"admin_password": "x" * 129},
        {"admin_password": "ROOT@example.com"},
        {"admin_password": ADMIN_OF_DEVELOPMENT, "env": "production"},
    ],
)
def test_half_a_one_or_a_weak_one_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**ROOT | wrong)


def test_the_one_of_development_does_in_development() -> None:
    settings(**ROOT | {"admin_password": ADMIN_OF_DEVELOPMENT})


def test_a_process_says_which_variable_is_wrong_and_not_what_it_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDUSTREAM_ADMIN_EMAIL", "root@example.com")
    monkeypatch.setenv("EDUSTREAM_ADMIN_PASSWORD", "secret")
    with pytest.raises(SystemExit) as refused:
        load(AuthSettings, "auth")

    assert "EDUSTREAM_ADMIN_PASSWORD: " in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        "secret",
        "",
        "-----BEGIN PRIVATE KEY-----\\nsecret\\n-----END PRIVATE KEY-----",
        Ed25519PrivateKey.generate()
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        .decode(),
        generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    ],
    ids=["words", "nothing", "broken", "locked", "of-another-kind"],
)
def test_a_key_that_cannot_sign_is_named_and_not_shown(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDUSTREAM_JWT_PRIVATE_KEY", wrong)
    with pytest.raises(SystemExit) as refused:
        load(AuthSettings, "auth")

    assert "EDUSTREAM_JWT_PRIVATE_KEY: Value error, must be an Ed25519 private key" in str(refused.value)
    assert "secret" not in str(refused.value)
