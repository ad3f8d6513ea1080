"""The whole suite as an operator would run it: every service a process, one gateway, real servers, real mail."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller

from tests.e2e.people import Person, signs_in
from tests.waiting import eventually


class Mailbox:
    """An SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        self.mails.append(cast("EmailMessage", message_from_bytes(envelope.content, policy=policy)))
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if address in str(mail["To"])]

    async def holds(self, address: str, words: str, within: float = 15) -> EmailMessage:
        """Waits for a mail to `address` whose subject or text has these words."""

        async def look() -> list[EmailMessage]:
            return [mail for mail in self.to(address) if words in str(mail["Subject"]) or words in text_of(mail)]

        return (await eventually(look, within))[0]


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content()) if part else ""


@pytest.fixture(scope="session")
def mailbox() -> Any:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=0)
    controller.start()
    box.url = f"smtp://127.0.0.1:{controller.server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    yield box
    controller.stop()
