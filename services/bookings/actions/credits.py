"""Credits of bought packages: taken by lessons, given back by cancelled ones."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from services.bookings.actions import money
from services.bookings.actions.events import purchase_state
from services.bookings.queries import packages as queries
from services.bookings.queries.lessons import Booking
from services.bookings.queries.packages import Purchase
from services.bookings.rules.lessons import Lesson
from services.bookings.rules.money import share
from services.bookings.views.lessons import BookRequest
from shared.db import Tx
from shared.errors import PaymentRequired
from shared.events.bookings import PurchaseChanged
from shared.outbox import publish

GRACE = timedelta(days=14)
"""How long a credit that comes back to an expired purchase can still be used."""
CHANGING = ("credits_remaining", "credits_refunded", "refunded", "status", "expires_at", "expired_at")


class InsufficientPackageCredits(PaymentRequired):
    detail = "You have no credit for this lesson: a package must be the tutor's, of this duration, not expired and not used up."


async def paying(tx: Tx, student_id: int, tutor_id: int, request: BookRequest, lesson: Lesson, now: datetime) -> dict[str, Any]:
    """The price and the purchase that pays, as columns: a lesson paid by a credit costs nothing more."""
    if request.use_package_id is None:
        return {"price": lesson.price, "purchase_id": None}
    purchase_id = await tx.value(
        queries.WITH_CREDIT,
        student_id=student_id,
        named=request.use_package_id,
        tutor_id=tutor_id,
        minutes=request.duration_minutes,
        now=now,
    )
    if purchase_id is None:
        raise InsufficientPackageCredits
    return {"price": Decimal(0), "purchase_id": purchase_id}


async def take(tx: Tx, purchase_id: int) -> Purchase:
    """Take one credit. Raises `InsufficientPackageCredits` when somebody was faster."""
    purchase = await tx.maybe(Purchase, queries.TAKE_CREDIT, id=purchase_id)
    if purchase is None:
        raise InsufficientPackageCredits
    await publish(tx, PurchaseChanged(**purchase_state(purchase)))
    return purchase


async def give_back(tx: Tx, booking: Booking, now: datetime) -> None:
    """Give the credit of a lesson back: usable for a while even if the purchase has expired, as money if it was refunded."""
    purchase = await tx.one(Purchase, queries.PURCHASE_LOCKED, id=booking.purchase_id)
    if purchase.status == "refunded":
        await pay_back(tx, purchase, 1, now)
        return
    await change(tx, purchase, **_after_return(purchase, booking.created_at, now))


def _after_return(purchase: Purchase, booked_at: datetime, now: datetime) -> dict[str, Any]:
    """What a credit that comes back changes. One taken while the purchase was good gets days of grace if that has expired since,
    alone: those that were left unused stay lost, but for what others' days of grace keep. One taken in such days has had them,
    and is as lost as the others."""
    expired_at = purchase.expired_at or purchase.expires_at
    if expired_at > now or booked_at >= expired_at:
        return {"credits_remaining": purchase.credits_remaining + 1}
    usable = purchase.credits_remaining if purchase.expires_at > now else 0
    return {"credits_remaining": usable + 1, "status": "active", "expires_at": now + GRACE, "expired_at": expired_at}


async def pay_back(tx: Tx, purchase: Purchase, returned: int, now: datetime) -> Purchase:
    """Refund `returned` credits in money and close the purchase. What is refunded in parts sums to what it would be at once."""
    credits_refunded = purchase.credits_refunded + returned
    due = share(purchase.price, credits_refunded, purchase.session_count, purchase.currency)
    refunded = min(max(due, purchase.refunded), purchase.price)
    changed = await change(
        tx, purchase, credits_remaining=0, credits_refunded=credits_refunded, refunded=refunded, status="refunded"
    )
    await money.note(tx, changed, purchase.refunded - changed.refunded, now)
    return changed


async def pay_back_all(tx: Tx, user_id: int, student_too: bool, now: datetime) -> None:
    """Refund every credit that can still be used of what this person sold and, if `student_too`, of what they bought."""
    people = {"user_id": user_id, "student_id": user_id if student_too else None}
    for purchase in await tx.all(Purchase, queries.TO_PAY_BACK, **people, now=now):
        await pay_back(tx, purchase, purchase.credits_remaining, now)


async def change(tx: Tx, purchase: Purchase, **changes: Any) -> Purchase:
    """Write a locked purchase, and say so."""
    kept = {name: getattr(purchase, name) for name in CHANGING}
    changed = await tx.one(Purchase, queries.CHANGE_PURCHASE, id=purchase.id, **kept | changes)
    await publish(tx, PurchaseChanged(**purchase_state(changed)))
    return changed


async def purchase_of(tx: Tx, booking: Booking) -> Purchase:
    """The purchase that paid for a lesson."""
    return await tx.one(Purchase, queries.PURCHASE, id=booking.purchase_id)
