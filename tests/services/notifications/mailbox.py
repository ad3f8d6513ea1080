"""A real SMTP server whose answers a test may change, and a sender that talks to it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notifications.delivery.channels import open_all
from services.notifications.delivery.sending import Sender
from services.notifications.settings import NotificationsSettings
from shared.events.auth import MailRequested
from tests.harness import Harness, settings_of
from tests.services.notifications.events import JANE


class Mailbox:
    """An SMTP server's answers, which a test may change, and what it has taken."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[str] = []
        self.recipient: Callable[[str], str] = lambda _address: "250 OK"
        self.data: Callable[[], str] = lambda: "250 kept"
        self.on_data: Callable[[Any], None] = lambda _server: None

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.recipient(address)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        answer = self.data()
        if answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(message_from_bytes(envelope.content, policy=policy))
            self.to += envelope.rcpt_tos
        self.on_data(server)
        return answer


@asynccontextmanager
async def serving(mailbox: Mailbox, port: int = 0, **options: Any) -> AsyncIterator[int]:
    make = lambda: SMTP(mailbox, hostname="test", **options)  # noqa: E731  a protocol factory
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", port)
    async with server:
        yield server.sockets[0].getsockname()[1]


def sender(service: Harness, url: str, data: Path = Path("unused"), **more: Any) -> Sender:
    values = {name: getattr(service.app.state.settings, name) for name in ("database_url", "redis_url", "amqp_url")}
    settings = settings_of(service.service, **values, smtp_url=url, data=str(data), **more)
    assert isinstance(settings, NotificationsSettings)
    return Sender("email", open_all(settings)["email"], service.database)


async def statuses(service: Harness) -> Counter[str]:
    async with service.database.reading() as tx:
        return Counter(row["status"] for row in await tx.rows("SELECT status FROM deliveries"))


async def make_due(service: Harness) -> None:
    """As if the pause were over."""
    async with service.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET next_at = now() WHERE status = 'waiting'")


def reset(user_id: int = JANE, **fields: Any) -> MailRequested:
    given: dict[str, Any] = {
        "user_id": user_id,
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
        "email": f"person{user_id}@example.com",
        "first_name": "Jane",
        "kind": "reset_password",
        "token": "s3cret+/=",
    }
    return MailRequested(**given | fields)
