"""Push and SMS: off until somebody adds a provider, and then a channel like the mail."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.notifications.app import Post
from services.notifications.delivery import channels
from services.notifications.delivery.channel import HandOver, Letter
from services.notifications.delivery.channels import open_all, switch_on
from services.notifications.delivery.queries import Claim
from services.notifications.delivery.rules import LONGEST_PAUSE, Verdict, pause, verdict
from services.notifications.delivery.sending import Sender
from services.notifications.settings import NotificationsSettings
from shared.settings import load
from shared.worker import Runtime
from tests.harness import Harness, settings_of
from tests.services.notifications.events import JANE, NOW, account, booking

pushed: list[Letter] = []


class Provider:
    """What somebody would write to send push messages."""

    async def send(self, letter: Letter, hand_over: HandOver) -> None:
        await hand_over()
        pushed.append(letter)

    async def close(self) -> None:
        return


def provider(_settings: NotificationsSettings) -> Provider:
    return Provider()


def settings(service: Harness, **values: Any) -> NotificationsSettings:
    same = {name: getattr(service.app.state.settings, name) for name in ("database_url", "redis_url", "amqp_url")}
    found = settings_of(service.service, **same | values)
    assert isinstance(found, NotificationsSettings)
    return found


async def test_without_a_provider_nothing_is_queued_for_push_or_sms(service: Harness) -> None:
    assert set(open_all(settings(service))) == {"email"}
    await service.deliver(account(JANE, sms_notifications=True), booking())

    async with service.database.reading() as tx:
        assert [row["channel"] for row in await tx.rows("SELECT channel FROM deliveries")] == ["email"]


async def test_a_provider_gets_what_its_channel_is_for(service: Harness) -> None:
    chosen = settings(service, push_provider=f"{__name__}:provider")
    switch_on(chosen)
    try:
        await service.deliver(account(JANE), booking(), account(12, push_notifications=False), booking(by="admin"))
    finally:
        switch_on(settings(service))
    await Sender("push", open_all(chosen)["push"], service.database).send_due()

    assert [(letter.user_id, letter.content["title"]) for letter in pushed] == [(JANE, "Booking Confirmed")] * 2
    async with service.database.reading() as tx:
        found = await tx.rows("SELECT status, count(*) FROM deliveries WHERE channel = 'push' GROUP BY 1 ORDER BY 1")
    assert [(row["status"], row["count"]) for row in found] == [("sent", 2), ("skipped", 1)]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SMTP_URL", "mail.example.com:25"),
        ("SMTP_URL", "http://mail.example.com"),
        ("SMTP_URL", "smtp://mail.example.com:x"),
        ("SMTP_URL", "smtp://mail.example.com:99999"),
        ("SMTP_URL", "smtp://"),
        ("NOTIFICATIONS_MAIL_FROM", "EduStream"),
        ("NOTIFICATIONS_MAIL_FROM", ""),
        ("NOTIFICATIONS_MAIL_FROM", "EduStream <@example.com>"),
        ("NOTIFICATIONS_PUSH_PROVIDER", "no colon"),
        ("NOTIFICATIONS_WEB_URL", "app.example.com"),
        ("NOTIFICATIONS_MESSAGE_MAIL_AFTER", "-1"),
        ("NOTIFICATIONS_MESSAGE_MAIL_AFTER", "nan"),
        ("NOTIFICATIONS_MESSAGE_MAIL_AFTER", "PT3M"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_starts(
    service: Harness, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    known = service.app.state.settings
    given = {
        "NOTIFICATIONS_DATABASE_URL": known.database_url,
        "REDIS_URL": known.redis_url,
        "AMQP_URL": known.amqp_url,
        "EDUSTREAM_INTERNAL_TOKEN": known.internal_token,
        "NOTIFICATIONS_MESSAGE_MAIL_AFTER": "180",
    }
    for name, right in given.items():
        monkeypatch.setenv(name, right)
    load(NotificationsSettings, "notifications")
    monkeypatch.setenv(variable, value)

    with pytest.raises(SystemExit, match=f"notifications refuses to start: {variable}: "):
        load(NotificationsSettings, "notifications")


@pytest.mark.parametrize("path", ["no.such.module:provider", f"{__name__}:no_such_provider"])
def test_a_provider_that_is_not_there_lets_nothing_start(service: Harness, path: str) -> None:
    with pytest.raises(SystemExit, match="NOTIFICATIONS_SMS_PROVIDER"):
        switch_on(settings(service, sms_provider=path))


async def test_channels_that_could_not_be_opened_are_opened_at_the_next_run(
    service: Harness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await service.deliver(account(JANE), booking())
    runtime = Runtime(settings(service, data=str(tmp_path)), service.database)
    post = Post()
    with monkeypatch.context() as broken:
        broken.setattr(channels, "open_all", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await post.send_due(runtime)

    await post.send_due(runtime)

    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1


class Hangup(Provider):
    """A provider whose connection cannot be closed."""

    async def close(self) -> None:
        raise ConnectionResetError("by the provider")


def hangup(_settings: NotificationsSettings) -> Hangup:
    return Hangup()


async def test_a_channel_that_fails_is_named_and_breaks_off_no_other(service: Harness, tmp_path: Path) -> None:
    await service.deliver(account(JANE), *(booking(booking_id=number) for number in range(1, 6)))
    runtime = Runtime(settings(service, data=str(tmp_path), push_provider=f"{__name__}:hangup"), service.database)

    with pytest.raises(ConnectionResetError, match="by the provider"):
        await Post().send_due(runtime)

    assert len(list((tmp_path / "mail").glob("*.eml"))) == 5


def claim(**fields: Any) -> Claim:
    given: dict[str, Any] = {
        "id": 1,
        "event_id": uuid4(),
        "user_id": JANE,
        "kind": "booking_confirmed",
        "content": {},
        "attempts": 1,
        "not_after": NOW + timedelta(days=1),
        "created_at": NOW,
        "given_address": None,
        "is_known": True,
        "address": "jane@example.com",
        "first_name": "Jane",
        "timezone": "UTC",
        "is_active": True,
        "is_purged": False,
        "is_wanted": True,
        "is_moot": False,
        "is_about_purged": False,
    }
    return Claim(**given | fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Verdict.SEND),
        ({"is_wanted": False}, Verdict.SKIPPED),
        ({"is_active": False}, Verdict.SKIPPED),
        ({"is_active": False, "kind": "account_deactivated"}, Verdict.SEND),
        ({"is_wanted": False, "kind": "account_deactivated"}, Verdict.SKIPPED),
        ({"is_wanted": False, "is_active": False, "is_known": False, "kind": "reset_password"}, Verdict.SEND),
        ({"is_purged": True, "kind": "reset_password"}, Verdict.SKIPPED),
        ({"is_moot": True}, Verdict.SKIPPED),
        ({"is_known": False}, Verdict.WAIT),
        ({"not_after": NOW}, Verdict.EXPIRED),
        ({"not_after": NOW, "is_known": False}, Verdict.EXPIRED),
    ],
)
def test_a_letter_is_sent_when_it_is_wanted_and_no_old_news(fields: dict[str, Any], expected: Verdict) -> None:
    assert verdict(claim(**fields), NOW) is expected


def test_pauses_double_up_to_a_limit() -> None:
    assert [pause(n).total_seconds() for n in (1, 2, 3, 4)] == [2, 4, 8, 16]
    assert pause(10_000) == LONGEST_PAUSE
