"""Which channels are on in this process."""

import importlib
from pathlib import Path
from typing import cast

from services.notifications.delivery.channel import Channel
from services.notifications.delivery.files import MailDirectory
from services.notifications.delivery.smtp import SmtpServer
from services.notifications.delivery.wording import Wording
from services.notifications.settings import NotificationsSettings

EMAIL, PUSH, SMS = "email", "push", "sms"

switched_on: set[str] = {EMAIL}
"""Set by `switch_on` when the process starts: handlers of events queue letters for these."""


def switch_on(settings: NotificationsSettings) -> None:
    switched_on.clear()
    switched_on.update({EMAIL}, _providers(settings))


def open_all(settings: NotificationsSettings) -> dict[str, Channel]:
    """The channels that the settings ask for."""
    return {EMAIL: _email(settings)} | {name: _provided(path, settings) for name, path in _providers(settings).items()}


def _providers(settings: NotificationsSettings) -> dict[str, str]:
    return {name: path for name, path in ((PUSH, settings.push_provider), (SMS, settings.sms_provider)) if path}


def _email(settings: NotificationsSettings) -> Channel:
    wording = Wording(settings.mail_from, settings.web_url or settings.public_url)
    if settings.smtp_url:
        return SmtpServer(settings.smtp_url, wording)
    return MailDirectory(Path(settings.data) / "mail", wording)


def _provided(path: str, settings: NotificationsSettings) -> Channel:
    module, _, factory = path.partition(":")
    return cast("Channel", getattr(importlib.import_module(module), factory)(settings))
