"""What is allowed: how many wrong passwords, and who may take whose rights. Values in, verdict out."""

import hashlib
import ipaddress
import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.errors import Conflict, TooMany

WINDOW = timedelta(minutes=15)
FAILURES_OF_PAIR = 10
"""Wrong passwords for an account from one address in `WINDOW`: enough for a bad memory, and nobody locks out a stranger."""
FAILURES_OF_ACCOUNT = 100
"""Wrong passwords for an account from anywhere: from then on only addresses that signed in to it before may try."""
KNOWN_FOR = timedelta(days=30)
"""An address from which somebody signed in to the account counts as known for so long."""
MAILS_AN_HOUR = 5
LIVE_SESSIONS = 100
"""An account has so many at once: more than anybody has browsers, and few enough to end all of them in one moment."""


class TooManyFailures(TooMany):
    detail = "Too many failed attempts to sign in. Wait, or reset the password."


class NotYourself(Conflict):
    detail = "You cannot change your own role, deactivate or delete yourself here: ask another administrator."


class LastAdmin(Conflict):
    detail = "This is the last active administrator: appoint another one first."


@dataclass(frozen=True, slots=True)
class Attempts:
    """`pair_at`: when the tenth newest failure of account and address was, if there were so many in the window; `anywhere_at`:
    the hundredth newest of the account. `is_known`: this address signed in to the account lately."""

    pair_at: datetime | None
    anywhere_at: datetime | None
    is_known: bool


def may_try(attempts: Attempts, now: datetime) -> None:
    """Raises `TooManyFailures` where a password may not even be looked at."""
    blocked_by = [attempts.pair_at, None if attempts.is_known else attempts.anywhere_at]
    until = max((at + WINDOW for at in blocked_by if at is not None), default=None)
    if until is not None and until > now:
        raise TooManyFailures(retry_after=math.ceil((until - now).total_seconds()))


def network(address: str | None) -> str:
    """What counts as one address: of IPv6 the /64, which one subscriber has all of."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip), 64), strict=False).network_address)
    return str(ip)


def subject(account_id: int | None, email: str) -> bytes:
    """Whom failures are counted for. An address that nobody has is counted just as an account is: no difference shows."""
    whom = f"account:{account_id}" if account_id is not None else f"email:{email.casefold()}"
    return hashlib.sha256(whom.encode()).digest()


def may_lose_rights(actor_id: int, target_id: int, administrators: Collection[int]) -> None:
    """Whether an administrator may demote, deactivate or delete `target_id`."""
    if actor_id == target_id:
        raise NotYourself
    may_go(target_id, administrators)


def may_go(target_id: int, administrators: Collection[int]) -> None:
    """Raises `LastAdmin` if nobody would be left to administer."""
    if set(administrators) == {target_id}:
        raise LastAdmin


def differences(before: Any, after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the fields in `after`, those that differ from the object `before`: as they were, as they will be."""
    changed = {name: value for name, value in after.items() if getattr(before, name) != value}
    return {name: getattr(before, name) for name in changed}, changed
