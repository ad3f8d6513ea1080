"""Whether a letter is to be sent now."""

from datetime import datetime, timedelta
from enum import StrEnum

from services.notifications.delivery.queries import Claim

MANDATORY = ("verify_email", "reset_password", "password_changed")
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=15)


class Verdict(StrEnum):
    SEND = "send"
    WAIT = "wait"
    SKIPPED = "skipped"
    EXPIRED = "expired"


def verdict(claim: Claim, now: datetime) -> Verdict:
    """What auth asks for is sent whatever the preferences; what concerns the account itself, also to a closed one."""
    if now >= claim.not_after:
        return Verdict.EXPIRED
    if claim.is_purged or claim.is_moot:
        return Verdict.SKIPPED
    if claim.kind in MANDATORY:
        return Verdict.SEND
    if not claim.is_known:
        return Verdict.WAIT
    is_of_account = claim.kind.startswith("account_")
    if (claim.is_active or is_of_account) and claim.is_wanted:
        return Verdict.SEND
    return Verdict.SKIPPED


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(FIRST_PAUSE * (1 << min(failures - 1, 20)), LONGEST_PAUSE)
