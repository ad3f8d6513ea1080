"""Mail by TLS and with a login: the server's certificate is checked, and a password never travels in the clear."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.harness import Harness
from tests.services.notifications.events import JANE, account, booking
from tests.services.notifications.mailbox import Mailbox, sender, statuses

LOGIN, PASSWORD = b"edustream", b"a password"


class Office(Mailbox):
    """An SMTP server that knows one login, and notes under what conditions it was spoken to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.encrypted: list[bool] = []

    def authenticate(self, _server: Any, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.asked.append(given.password)
        return AuthResult(success=(given.login, given.password) == (LOGIN, PASSWORD), handled=False)  # the server is to answer

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        self.encrypted.append(session.ssl is not None)
        return await super().handle_DATA(server, session, envelope)


def url(port: int, password: str = PASSWORD.decode(), host: str = "localhost") -> str:
    return f"smtp://{LOGIN.decode()}:{quote(password)}@{host}:{port}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, signed by itself."""
    key, now = Ed25519PrivateKey.generate(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


@asynccontextmanager
async def serving(office: Office, certificate: Path | None, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """With a certificate it wants TLS before a login; without one it takes logins in the clear."""
    options: dict[str, Any] = {"authenticator": office.authenticate, "auth_required": True, "auth_require_tls": False}
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options |= {"tls_context": context, "require_starttls": True, "auth_require_tls": True}
    make = lambda: SMTP(office, hostname="localhost", **options)  # noqa: E731  a protocol factory
    server = await asyncio.get_running_loop().create_server(make, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_mail_goes_by_tls_and_login(service: Harness, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    office = Office()
    await service.deliver(account(JANE), booking())

    async with serving(office, certificate) as port:
        await sender(service, url(port)).send_due()

    assert await statuses(service) == {"sent": 1}
    assert (len(office.mails), office.encrypted, office.asked) == (1, [True], [PASSWORD])


async def test_a_server_with_a_certificate_that_nobody_vouches_for_gets_nothing(service: Harness, certificate: Path) -> None:
    office = Office()
    await service.deliver(account(JANE), booking())

    async with serving(office, certificate) as port:
        await sender(service, url(port)).send_due()

    assert await statuses(service) == {"waiting": 1}
    assert (office.mails, office.asked) == ([], [])


async def test_a_refused_login_lets_mails_wait(service: Harness, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    office = Office()
    await service.deliver(account(JANE), booking())

    async with serving(office, certificate) as port:
        await sender(service, url(port, "wrong")).send_due()

    assert await statuses(service) == {"waiting": 1}
    assert (office.mails, set(office.asked)) == ([], {b"wrong"})


async def test_a_password_is_not_told_to_a_distant_server_in_the_clear(service: Harness) -> None:
    office = Office()
    await service.deliver(account(JANE), booking())

    async with serving(office, None, "127.0.0.2") as port:  # as distant as this machine has
        await sender(service, url(port, host="127.0.0.2")).send_due()

    assert await statuses(service) == {"waiting": 1}
    assert (office.mails, office.asked) == ([], [])
