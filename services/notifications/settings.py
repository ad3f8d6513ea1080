"""What the notifications service is configured with, besides what every service is."""

from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from shared.settings import ServiceSettings


def _smtp_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        is_right = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        is_right = False
    if url and not is_right:
        raise ValueError("must be smtp://[user:password@]host[:port] or smtps://…")
    return url


def _sender(text: str) -> str:
    try:
        address = Address(addr_spec=parseaddr(text)[1])
    except (ValueError, IndexError, HeaderParseError) as error:  # the last two: of an empty or half an address
        raise ValueError("must be an address, or a name and an <address>") from error
    if not address.username or not address.domain:
        raise ValueError("must be an address, or a name and an <address>")
    return text


SmtpUrl = Annotated[str, AfterValidator(_smtp_url)]
Sender = Annotated[str, AfterValidator(_sender)]
Provider = Annotated[str, Field(pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")]


class NotificationsSettings(ServiceSettings):
    data: str = Field(".data", validation_alias="EDUSTREAM_DATA")
    smtp_url: SmtpUrl = Field("", validation_alias="SMTP_URL", repr=False)
    """`smtp://[user:password@]host[:port]` (STARTTLS where offered) or `smtps://…` (TLS from the start). Empty: mails are
    written to `<data>/mail/` as .eml files."""
    mail_from: Sender = "EduStream <no-reply@edustream.example>"
    web_url: str = Field("", pattern="^(https?://.+)?$")
    """What links in mails point to: the front end. Empty: mails have no links, and say how to use their codes."""
    message_mail_after: float = Field(180, ge=0, le=86_400)
    """Seconds for which a new message may stay unread before it is mailed: in a live conversation none is."""
    push_provider: Provider = ""
    sms_provider: Provider = ""
    """`package.module:factory` of a `delivery.channel.Channel`, see docs in `delivery`. Empty: the channel is off."""
