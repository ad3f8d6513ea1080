"""What the notifications service is configured with, besides what every service is."""

from pydantic import Field

from shared.settings import ServiceSettings


class NotificationsSettings(ServiceSettings):
    data: str = Field(".data", validation_alias="EDUSTREAM_DATA")
    smtp_url: str = Field("", validation_alias="SMTP_URL", repr=False)
    """`smtp://[user:password@]host[:port]` (STARTTLS where offered) or `smtps://…` (TLS from the start). Empty: mails are
    written to `<data>/mail/` as .eml files."""
    mail_from: str = "EduStream <no-reply@edustream.example>"
    web_url: str = ""
    """What links in mails point to: the front end, by default `PUBLIC_URL`."""
    push_provider: str = ""
    sms_provider: str = ""
    """`package.module:factory` of a `delivery.channel.Channel`, see docs in `delivery`. Empty: the channel is off."""
