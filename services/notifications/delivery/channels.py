"""Which channels are on in this process."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.notifications.delivery.channel import Channel
from services.notifications.delivery.files import MailDirectory
from services.notifications.delivery.smtp import SmtpServer
from services.notifications.delivery.wording import Wording
from services.notifications.settings import NotificationsSettings

EMAIL, PUSH, SMS = "email", "push", "sms"

Factory = Callable[[NotificationsSettings], Channel]


@dataclass
class Switches:
    """What handlers of events go by when they queue letters."""

    on: set[str] = field(default_factory=lambda: {EMAIL})
    message_mail_after: timedelta = timedelta(minutes=3)


switches = Switches()
"""Set by `switch_on` when the process starts."""


def switch_on(settings: NotificationsSettings) -> None:
    """Ends the process with a sentence when a provider is not there: found later, it would keep all letters waiting."""
    for name, path in _providers(settings).items():
        try:
            _factory(path)
        except Exception as error:  # whatever importing somebody's module may raise
            sys.exit(f"notifications refuses to start: NOTIFICATIONS_{name.upper()}_PROVIDER: {path} is not there: {error}")
    switches.on = {EMAIL, *_providers(settings)}
    switches.message_mail_after = timedelta(seconds=settings.message_mail_after)


def open_all(settings: NotificationsSettings) -> dict[str, Channel]:
    """The channels that the settings ask for."""
    return {EMAIL: _email(settings)} | {name: _factory(path)(settings) for name, path in _providers(settings).items()}


def _providers(settings: NotificationsSettings) -> dict[str, str]:
    return {name: path for name, path in ((PUSH, settings.push_provider), (SMS, settings.sms_provider)) if path}


def _email(settings: NotificationsSettings) -> Channel:
    wording = Wording(settings.mail_from, settings.web_url)
    if settings.smtp_url:
        return SmtpServer(settings.smtp_url, wording)
    return MailDirectory(Path(settings.data) / "mail", wording)


def _factory(path: str) -> Factory:
    module, _, name = path.partition(":")
    factory: Factory = getattr(importlib.import_module(module), name)
    return factory
