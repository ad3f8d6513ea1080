"""Wording mails: a subject, a text and an HTML version of a letter, by Jinja2 templates."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.notifications.delivery.channel import Letter, Refused

TEMPLATES = Path(__file__).parent.parent / "templates"
OWN = {  # kinds with templates of their own; all others are notifications
    "verify_email": "Please confirm your e-mail address",
    "reset_password": "Reset your password",
    "password_changed": "Your password was changed",
}
LABELS = {
    "subject": "Subject",
    "previous_start_at": "Before",
    "starts_at": "Starts",
    "ends_at": "Ends",
    "lesson": "Lesson",
    "sessions": "Sessions",
    "price": "Price",
    "refund": "Refund",
}


class Wording:
    """Makes mails. `web_url` is where links point to; without it there are none."""

    def __init__(self, sender: str, web_url: str) -> None:
        name, address = parseaddr(sender)
        self.sender = Address(name, addr_spec=address)
        self._web_url = web_url.rstrip("/")
        # HTML is escaped, text is not: a name with an ampersand must read right in both.
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(("html",), default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["labelled"] = _labelled

    def mail(self, letter: Letter) -> EmailMessage:
        """The mail. Its Message-ID is always the same for the same letter, so that a mailbox can tell a repetition."""
        template = letter.kind if letter.kind in OWN else "notification"
        values = self._values(letter)
        to = deliverable(letter.address)
        mail = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
        mail["From"] = self.sender
        local, _, domain = to.rpartition("@")
        mail["To"] = Address(username=local, domain=domain)
        mail["Subject"] = values["subject"]
        mail["Date"] = format_datetime(letter.created_at)
        mail["Message-ID"] = f"<{letter.event_id}.{letter.user_id}@{self.sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self._render(f"{template}.txt", values), cte="quoted-printable")
        mail.add_alternative(self._render(f"{template}.html", values), subtype="html", cte="quoted-printable")
        return mail

    def _values(self, letter: Letter) -> dict[str, Any]:
        token = quote(letter.content.get("token") or "", safe="")
        return {
            "subject": OWN.get(letter.kind) or letter.content["title"],
            "first_name": letter.content.get("first_name") or letter.first_name,
            "message": _sentence(letter.content.get("message") or ""),
            "facts": letter.content.get("facts", {}),
            "token": letter.content.get("token"),
            "timezone": letter.timezone,
            "link": self._web_url and token and f"{self._web_url}/{letter.kind.replace('_', '-')}?token={token}",
            "web_url": self._web_url,
        }

    def _render(self, template: str, values: dict[str, Any]) -> str:
        return self._environment.get_template(template).render(values)


def deliverable(address: str) -> str:
    """The address with its domain as DNS knows it (RFC 5891). Raises `Refused` where there can be no such domain."""
    if address.isascii():
        return address
    try:
        known = validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise Refused(str(error)) from error
    return f"{known.local_part}@{known.ascii_domain}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _labelled(facts: dict[str, str], timezone: str) -> list[tuple[str, str]]:
    """Facts as a person reads them, in the order of `LABELS`; instants (`…_at`) in that person's zone."""
    return [
        (label, _instant(facts[name], timezone) if name.endswith("_at") else facts[name])
        for name, label in LABELS.items()
        if name in facts
    ]


def _instant(at: str, timezone: str) -> str:
    """`Friday, 24 January 2025, 12:30 (Europe/Kyiv)`."""
    local = datetime.fromisoformat(at).astimezone(ZoneInfo(timezone))
    return f"{local:%A}, {local.day} {local:%B %Y, %H:%M} ({timezone})"
