"""Mail when the other side fails: retried, never sent twice; one bounce blocks nobody."""

import asyncio
import socket

import pytest

from services.notifications import metrics
from services.notifications.delivery import sending
from shared.events.bookings import BookingCancelled
from tests.harness import Harness
from tests.services.notifications.events import JANE, JOHN, account, booking, message
from tests.services.notifications.mailbox import Mailbox, make_due, sender, serving, statuses


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


async def test_what_a_server_took_in_other_words_is_sent(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    mailbox.data = lambda: "251 queued for relay"
    await service.deliver(account(JANE), booking())

    await sender(service, smtp).send_due()

    assert len(mailbox.mails) == 1
    assert await statuses(service) == {"sent": 1}


async def test_after_an_answer_that_is_none_a_mail_is_never_tried_again(service: Harness, smtp: str, mailbox: Mailbox) -> None:
    mailbox.on_data = lambda server: server.transport.write(b"queued as 4XyZ\r\n")
    await service.deliver(account(JANE), booking())

    await sender(service, smtp).send_due()

    assert len(mailbox.mails) == 1
    assert await statuses(service) == {"unknown": 1}


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


async def test_a_letter_that_somebody_else_took_over_leaves_nothing_on_the_connection(
    service: Harness, smtp: str, mailbox: Mailbox
) -> None:
    """Its sender and recipient were named already: the next letter would go to both."""
    await service.deliver(account(JANE), account(JOHN), booking(), booking(BookingCancelled, by="student"))
    slow = sender(service, smtp)
    mailbox.recipient = lambda _address: "250 OK"
    claim = await slow._claim()
    assert claim is not None
    async with service.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET attempts = attempts + 1 WHERE id = %(id)s", id=claim.id)
    await slow._send(claim)
    await slow.send_due()

    assert mailbox.to == ["person12@example.com"]


async def test_what_waits_is_measured_and_what_nobody_knows_of_is_counted(service: Harness) -> None:
    await service.deliver(account(JANE), booking(), booking())
    async with service.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET next_at = now() - interval '1 hour'")
        await tx.run("UPDATE deliveries SET status = 'handed_over', next_at = now() WHERE id = (SELECT min(id) FROM deliveries)")
    unknown = metrics.letters.labels("email", "unknown")
    before = unknown._value.get()

    await sending.tidy(service.database)

    assert metrics.letters_waiting.labels("email")._value.get() == 1
    assert 3600 <= metrics.letters_age.labels("email")._value.get() < 3700
    assert unknown._value.get() == before + 1
    async with service.database.transaction() as tx:
        await tx.run("DELETE FROM deliveries")
    await sending.tidy(service.database)
    assert metrics.letters_age.labels("email")._value.get() == 0


async def test_a_letter_is_late_since_its_time_came_and_once_tried_since_it_was_queued(service: Harness) -> None:
    await service.deliver(message())
    async with service.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET created_at = now() - interval '1 hour', next_at = now() + interval '1 minute'")
    await sending.tidy(service.database)
    assert metrics.letters_age.labels("email")._value.get() == 0, "it waits for its message to be read"

    async with service.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET attempts = 1")
    await sending.tidy(service.database)
    assert 3600 <= metrics.letters_age.labels("email")._value.get() < 3700


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
