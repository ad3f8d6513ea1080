"""Mails by a real SMTP server: worded in HTML and text, to those who want them, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from pathlib import Path
from typing import Any

import pytest

from services.notifications.delivery import channels, sending
from shared.events.auth import UserChanged, UserPurged
from shared.events.bookings import BookingCancelled, BookingReminderDue, BookingRequested, BookingRescheduled
from shared.events.messaging import BlockChanged, MessagesRead
from tests.harness import Harness
from tests.services.notifications.events import JANE, JOHN, NOW, account, booking, message
from tests.services.notifications.inbox import listed
from tests.services.notifications.mailbox import Mailbox, make_due, reset, sender, serving, statuses


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
    assert "http" not in body(by_subject["Reset your password"], "plain"), "there is no page that a link could lead to"
    assert "s3cret+/=" in body(by_subject["Reset your password"], "plain").splitlines()
    assert str(by_subject["Please confirm your e-mail address"]["To"]) == "new@example.com"
    assert "Your password was changed" in by_subject
    async with service.database.reading() as tx:  # the tokens are not kept
        assert await tx.value("SELECT count(*) FROM deliveries WHERE strpos(content::text, 's3cret') > 0") == 0


async def test_messages_of_an_unread_thread_make_one_mail(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE), account(JOHN), message(message="secret"), message(), message())
    await make_due(service)

    await sender(service, smtp).send_due()

    (mail,) = mailbox.mails
    assert "New message from John Tutor." in body(mail, "plain")
    assert "secret" not in mail.as_string()


@pytest.mark.parametrize("how", ["reads the message", "reads the notification", "deletes the notification"])
async def test_whoever_is_in_the_conversation_gets_no_mail_of_it(service: Harness, smtp: str, mailbox: Mailbox, how: str) -> None:
    sent = message()
    await service.deliver(account(JANE), sent)
    await sender(service, smtp).send_due()
    assert await statuses(service) == {"waiting": 1}, "it may be read within minutes"

    async with service.person(JANE) as jane:
        (told,) = (await jane.get("/api/notifications")).json()
        if how == "reads the message":
            read = MessagesRead(reader_id=JANE, other_user_id=JOHN, message_ids=[sent.message_id], read_at=sent.created_at)
            await service.deliver(read)
        elif how == "reads the notification":
            await jane.patch(f"/api/notifications/{told['id']}/read")
        else:
            await jane.delete(f"/api/notifications/{told['id']}")
    await make_due(service)
    await sender(service, smtp).send_due()

    assert mailbox.mails == []
    assert await statuses(service) == {"skipped": 1}


async def test_a_mail_of_a_message_waits_as_long_as_the_settings_say(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "switches", channels.Switches())
    channels.switch_on(service.app.state.settings.model_copy(update={"message_mail_after": 3600}))
    await service.deliver(message(), booking())

    async with service.database.reading() as tx:
        rows = await tx.rows("SELECT kind, next_at - created_at AS wait FROM deliveries")
    assert {row["kind"]: row["wait"] for row in rows} == {"new_message": timedelta(hours=1), "booking_confirmed": timedelta(0)}


async def test_what_somebody_waits_for_is_sent_before_everything_else(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE), *(booking() for _ in range(5)), reset())

    await sender(service, smtp).send_due()

    assert [str(mail["Subject"]) for mail in mailbox.mails] == ["Reset your password"] + ["Booking Confirmed"] * 5


async def test_with_a_front_end_mails_link_to_it(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE), booking(), reset())

    await sender(service, smtp, web_url="https://app.example.com/").send_due()

    texts = [body(mail, "plain") for mail in mailbox.mails]
    assert "https://app.example.com/reset-password?token=s3cret%2B%2F%3D" in texts[0]
    assert "https://app.example.com" in texts[1].splitlines()


async def test_a_domain_in_any_script_is_written_to_as_dns_knows_it(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE, email="jane@bücher.example.com"), booking())

    await sender(service, smtp).send_due()

    assert mailbox.to == ["jane@xn--bcher-kva.example.com"]
    assert str(mailbox.mails[0]["To"]) == "jane@xn--bcher-kva.example.com"


async def test_a_name_in_any_script_is_written_to_where_the_server_takes_it(service: Harness, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE, email="jürgen@bücher.example.com"), booking())

    async with serving(mailbox, enable_SMTPUTF8=True) as port:
        await sender(service, f"smtp://127.0.0.1:{port}").send_due()

    assert mailbox.to == ["jürgen@xn--bcher-kva.example.com"]
    assert str(mailbox.mails[0]["To"]) == "jürgen@xn--bcher-kva.example.com"


async def test_a_name_that_the_server_does_not_take_blocks_nobody(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE, email="jürgen@example.com"), account(JOHN), booking(), booking(by="student"))

    await sender(service, smtp).send_due()

    assert mailbox.to == ["person12@example.com"]
    assert await statuses(service) == {"refused": 1, "sent": 1}


async def test_a_reminder_that_would_be_late_or_of_a_cancelled_booking_is_not_sent(
    service: Harness, smtp: str, mailbox: Mailbox
) -> None:
    hours_ago = datetime.now(UTC) - timedelta(hours=7)
    await service.deliver(account(JANE), account(JOHN))
    await service.deliver(booking(BookingReminderDue, booking_id=1, hours=24, occurred_at=hours_ago))
    await service.deliver(
        booking(BookingReminderDue, booking_id=2, hours=24), booking(BookingReminderDue, booking_id=3, hours=24)
    )
    await service.deliver(booking(BookingCancelled, booking_id=2, by="student"))

    await sender(service, smtp).send_due()

    assert sorted(str(mail["Subject"]) for mail in mailbox.mails) == ["Booking Cancelled", "Upcoming Session", "Upcoming Session"]
    assert await statuses(service) == {"sent": 3, "expired": 4}


@pytest.mark.parametrize("overtaken_by", [BookingCancelled, BookingRescheduled])
async def test_a_reminder_that_the_booking_has_overtaken_is_not_sent(service: Harness, overtaken_by: type[Any]) -> None:
    reminder = booking(BookingReminderDue, hours=1, by="student")
    moved = booking(overtaken_by, by="student", start_at=reminder.start_at + timedelta(days=1))
    await service.deliver(account(JANE), account(JOHN), moved, reminder)

    assert "Upcoming Session" not in [n["title"] for n in await listed(service, JANE)]
    assert await statuses(service) == {"waiting": 1}  # to the tutor, of the move


async def test_a_reminder_outlives_older_news_of_its_booking(service: Harness) -> None:
    """Events of one booking may come in any order, also those of a move and of the reminder that it made due."""
    asked = booking(BookingRequested, by="student")
    moved = booking(BookingRescheduled, by="student", status="CONFIRMED", start_at=asked.start_at + timedelta(days=1))
    reminder = booking(BookingReminderDue, hours=1, by="tutor", version=moved.version, start_at=moved.start_at)
    await service.deliver(account(JANE), account(JOHN), reminder, asked, moved)

    async with service.database.reading() as tx:
        kept = "SELECT count(*) FROM deliveries WHERE kind = 'booking_reminder' AND status = 'waiting'"
        assert await tx.value(kept) == 2


async def test_a_mail_does_not_name_whom_a_purge_has_made_nobody(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    cancelled = booking(BookingCancelled, by="student", reason="Jane is ill")
    await service.deliver(account(JANE), account(JOHN), cancelled)
    await service.deliver(account(JANE, UserPurged, version=2, purged=True, is_active=False))

    await sender(service, smtp).send_due()

    (mail,) = mailbox.mails
    assert "Your session with Deleted user was cancelled." in body(mail, "plain")
    assert "Jane" not in mail.as_string()


async def test_nobody_is_mailed_of_a_message_of_whom_they_have_blocked(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    await service.deliver(account(JANE), account(JOHN), message())
    await service.deliver(BlockChanged(blocker_id=JANE, blocked_id=JOHN, is_blocked=True, changed_at=NOW))
    await make_due(service)

    await sender(service, smtp).send_due()

    assert mailbox.mails == []
    assert await statuses(service) == {"skipped": 1}


async def test_a_letter_that_nobody_sends_lapses_in_time(service: Harness) -> None:
    """Its channel was switched off, say."""
    await service.deliver(account(JANE), booking())
    async with service.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET channel = 'push', not_after = now() - interval '1 second'")

    await sending.tidy(service.database)

    assert await statuses(service) == {"expired": 1}
    async with service.database.reading() as tx:
        assert await tx.value("SELECT content FROM deliveries") == {}


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
