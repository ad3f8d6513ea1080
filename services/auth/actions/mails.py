"""Mails with a single-use secret, requested here and sent by the notifications service."""

from datetime import datetime, timedelta
from typing import Literal

from services.auth import queries, secrets
from services.auth.queries import Account
from services.auth.rules import MAILS_AN_HOUR
from shared.db import Tx
from shared.events.auth import MailRequested
from shared.outbox import publish

Kind = Literal["verify_email", "reset_password"]


async def request(tx: Tx, account: Account, kind: Kind, now: datetime, lifetime: timedelta) -> None:
    """Have a mail with a fresh secret sent; the secret of an earlier mail of this kind is good for nothing then. More mails
    than a person needs are silently not sent."""
    secret, expires_at = secrets.fresh(), now + lifetime
    sent = await tx.run(
        queries.NEW_MAIL_TOKEN,
        account_id=account.id,
        purpose=kind,
        digest=secrets.digest(secret),
        expires_at=expires_at,
        now=now,
        most=MAILS_AN_HOUR,
    )
    if sent:
        await publish(
            tx,
            MailRequested(
                user_id=account.id,
                email=account.email,
                first_name=account.first_name,
                kind=kind,
                token=secret,
                expires_at=expires_at,
            ),
        )


async def request_for(tx: Tx, email: str, kind: Kind, now: datetime, lifetime: timedelta) -> None:
    """The same for whoever has this address; nothing where nobody does, or where there is nothing to verify."""
    account = await tx.maybe(Account, queries.BY_EMAIL, email=email)
    if account and account.is_active and not (kind == "verify_email" and account.is_verified):
        await request(tx, account, kind, now, lifetime)
