"""Mails by a real SMTP server: worded in HTML and text, wanted, retried, never sent twice; one bounce blocks nobody."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notifications.delivery import sending
from services.notifications.delivery.channels import open_all
from services.notifications.delivery.sending import Sender
from services.notifications.settings import NotificationsSettings
from shared.events.auth import MailRequested, UserChanged, UserPurged
from shared.events.bookings import BookingCancelled, BookingReminderDue
from tests.harness import Harness, settings_of
from tests.services.notifications.events import JANE, JOHN, account, booking, message


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
async def serving(mailbox: Mailbox, port: int = 0) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(mailbox, hostname="test"), "127.0.0.1", port)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def smtp(mailbox: Mailbox) -> AsyncIterator[str]:
    async with serving(mailbox) as port:
        yield f"smtp://127.0.0.1:{port}"


def sender(service: Harness, url: str, data: Path = Path("unused")) -> Sender:
    values = {name: getattr(service.app.state.settings, name) for name in ("database_url", "redis_url", "amqp_url")}
    settings = settings_of(service.service, **values, smtp_url=url, data=str(data))
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


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


async def test_a_notification_is_mailed_in_text_and_html(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    start_at = datetime(2030, 1, 24, 10, 30, tzinfo=UTC)
    await service.deliver(account(JANE))
    await service.deliver(booking(tutor_name="John <b>& Sons</b>", start_at=start_at, end_at=start_at + timedelta(hours=1)))

    await sender(service, smtp).send_due()

    (mail,) = mailbox.mails
    assert (mailbox.to, str(mail["To"]), str(mail["Subject"])) == (
        ["person11@example.com"],
        "person11@example.com",
        "Booking Confirmed",
    )
    assert str(mail["From"]) == "EduStream <no-reply@edustream.example>"
    assert mail["Message-ID"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Your session with John <b>& Sons</b> is confirmed." in body(mail, "plain")
    assert "Starts: Thursday, 24 January 2030, 12:30 (Europe/Kyiv)" in body(mail, "plain")
    assert "John &lt;b&gt;&amp; Sons&lt;/b&gt; is confirmed." in body(mail, "html")
    assert await statuses(service) == {"sent": 1}


async def test_what_was_sent_is_not_sent_again(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE), *(booking() for _ in range(20)))

    await asyncio.gather(*(sender(service, smtp).send_due() for _ in range(4)))
    await make_due(service)
    await sender(service, smtp).send_due()

    assert len(mailbox.mails) == 20
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 20


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["Booking Confirmed"]),
        ({"email_notifications": False}, []),
        ({"is_active": False}, []),
        ({"purged": True}, []),
    ],
    ids=["wants mails", "wants none", "is deactivated", "is purged"],
)
async def test_only_who_wants_mails_gets_them(
    service: Harness, smtp: str, mailbox: Mailbox, fields: dict[str, Any], expected: list[str]
) -> None:
    await service.deliver(booking(), account(JANE, **fields))

    await sender(service, smtp).send_due()

    assert [str(mail["Subject"]) for mail in mailbox.mails] == expected


async def test_a_preference_changed_before_sending_counts(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE), booking(), account(JANE, UserChanged, version=2, email_notifications=False))

    await sender(service, smtp).send_due()

    assert mailbox.mails == []
    assert await statuses(service) == {"skipped": 1}


async def test_what_auth_asks_for_is_sent_whatever_the_preferences(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE, email_notifications=False))
    await service.deliver(
        reset(), reset(kind="verify_email", email="new@example.com"), reset(kind="password_changed", token=None)
    )

    await sender(service, smtp).send_due()

    by_subject = {str(mail["Subject"]): mail for mail in mailbox.mails}
    assert len(mailbox.mails) == 3
    assert "reset-password?token=s3cret%2B%2F%3D" in body(by_subject["Reset your password"], "plain")
    assert "s3cret+/=" in body(by_subject["Reset your password"], "plain").splitlines()
    assert str(by_subject["Please confirm your e-mail address"]["To"]) == "new@example.com"
    assert "Your password was changed" in by_subject
    async with service.database.reading() as tx:  # the tokens are not kept
        assert await tx.value("SELECT count(*) FROM deliveries WHERE strpos(content::text, 's3cret') > 0") == 0


async def test_messages_of_an_unread_thread_make_one_mail(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE), account(JOHN), message(message="secret"), message(), message())

    await sender(service, smtp).send_due()

    (mail,) = mailbox.mails
    assert "New message from John Tutor." in body(mail, "plain")
    assert "secret" not in mail.as_string()


async def test_while_the_server_is_down_mails_wait_and_then_all_leave_once(service: Harness, mailbox: Mailbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    await service.deliver(account(JANE), booking(), booking(), booking())
    patient = sender(service, f"smtp://127.0.0.1:{port}")

    await patient.send_due()
    assert await statuses(service) == {"waiting": 3}
    await patient.send_due()  # within the pause: nothing is even tried
    async with service.database.reading() as tx:
        assert await tx.value("SELECT sum(attempts) FROM deliveries") == 1

    async with serving(mailbox, port):
        patient._paused_until = 0.0  # as if it were over
        await make_due(service)
        await patient.send_due()
    assert len(mailbox.mails) == 3
    assert await statuses(service) == {"sent": 3}


async def test_a_bounce_is_marked_and_blocks_nobody(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    mailbox.recipient = lambda address: "550 no such mailbox" if "person11" in address else "250 OK"
    await service.deliver(account(JANE), account(JOHN))
    await service.deliver(booking(), booking(BookingCancelled, by="student"), booking())

    await sender(service, smtp).send_due()
    await make_due(service)
    await sender(service, smtp).send_due()

    assert mailbox.to == ["person12@example.com"]
    assert await statuses(service) == {"refused": 2, "sent": 1}
    async with service.database.reading() as tx:
        assert "550 no such mailbox" in await tx.value("SELECT error FROM deliveries WHERE status = 'refused' LIMIT 1")


@pytest.mark.parametrize("where", ["recipient", "data"])
async def test_who_says_later_is_asked_later(service: Harness, smtp: str, mailbox: Mailbox, where: str) -> None:
    answers = iter(["451 greylisted", "250 OK", "250 OK"])
    setattr(mailbox, where, lambda *_: next(answers))
    await service.deliver(account(JANE), booking(booking_id=1), booking(booking_id=2))

    await sender(service, smtp).send_due()
    assert await statuses(service) == {"waiting": 1, "sent": 1}
    async with service.database.reading() as tx:
        assert await tx.value("SELECT next_at > now() + interval '1 second' FROM deliveries WHERE status = 'waiting'")

    await make_due(service)
    await sender(service, smtp).send_due()
    assert len(mailbox.mails) == 2


async def test_content_refused_for_ever_is_a_bounce(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    mailbox.data = lambda: "554 looks like spam"
    await service.deliver(account(JANE), booking())

    await sender(service, smtp).send_due()

    assert await statuses(service) == {"refused": 1}


async def test_a_connection_lost_after_the_text_was_sent_is_never_tried_again(
    service: Harness, smtp: str, mailbox: Mailbox
) -> None:
    """The server may have taken it, and here it has: sending again would send twice."""
    mailbox.on_data = lambda server: server.transport.abort()
    await service.deliver(account(JANE), booking())

    await sender(service, smtp).send_due()
    await make_due(service)
    mailbox.on_data = lambda _server: None
    await sender(service, smtp).send_due()

    assert len(mailbox.mails) == 1
    assert await statuses(service) == {"unknown": 1}


async def test_a_sender_that_died_while_sending_is_not_repeated_one_that_died_before_is(
    service: Harness, smtp: str, mailbox: Mailbox
) -> None:
    await service.deliver(account(JANE), booking(), booking())
    dying = sender(service, smtp)
    first, second = await dying._claim(), await dying._claim()
    assert first is not None
    assert second is not None
    await dying._hand_over(first)()
    await sender(service, smtp).send_due()
    assert mailbox.mails == []  # both are claimed

    async with service.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET next_at = now() - interval '1 second'")
    await sending.tidy(service.database)
    await sender(service, smtp).send_due()

    assert len(mailbox.mails) == 1
    assert await statuses(service) == {"unknown": 1, "sent": 1}
    with pytest.raises(sending.ClaimLost):  # the one that died wakes up again: too late
        await dying._hand_over(second)()


async def test_old_news_is_not_sent(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    await service.deliver(account(JANE), booking(BookingReminderDue, hours=1, start_at=past), reset(expires_at=past))

    await sender(service, smtp).send_due()

    assert mailbox.mails == []
    assert await statuses(service) == {"expired": 3}


async def test_a_mail_waits_for_the_account_it_is_for(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(booking())
    await sender(service, smtp).send_due()
    assert await statuses(service) == {"waiting": 1}

    await service.deliver(account(JANE))
    await make_due(service)
    await sender(service, smtp).send_due()
    assert mailbox.to == ["person11@example.com"]


async def test_a_purged_account_gets_nothing_that_was_waiting(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE), booking(), account(JANE, UserPurged, version=2, purged=True, is_active=False))

    await sender(service, smtp).send_due()

    assert mailbox.mails == []


async def test_without_a_server_mails_are_files(service: Harness, tmp_path: Path) -> None:
    await service.deliver(account(JANE), booking(), reset())

    await sender(service, "", tmp_path).send_due()

    mails = [message_from_bytes(path.read_bytes(), policy=policy) for path in sorted((tmp_path / "mail").glob("*.eml"))]
    assert {str(mail["Subject"]) for mail in mails} == {"Booking Confirmed", "Reset your password"}
    assert await statuses(service) == {"sent": 2}


async def test_a_stop_in_the_middle_of_a_mail_lets_it_leave(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE), booking())
    reached = asyncio.Event()
    mailbox.on_data = lambda _server: reached.set()
    working = asyncio.create_task(sender(service, smtp).send_due())
    await reached.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert await statuses(service) == {"sent": 1}
