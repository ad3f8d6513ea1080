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


async def give_back(tx: Tx, purchase_id: int, now: datetime) -> None:
    """Give one credit back: usable for a while even if the purchase has expired, as money if it was refunded."""
    purchase = await tx.one(Purchase, queries.PURCHASE_LOCKED, id=purchase_id)
    if purchase.status == "refunded":
        await pay_back(tx, purchase, 1, now)
        return
    changed = await tx.one(
        Purchase,
        queries.CHANGE_PURCHASE,
        id=purchase.id,
        credits=purchase.credits_remaining + 1,
        refunded=purchase.refunded,
        status="active",
        expires_at=purchase.expires_at if purchase.expires_at > now else now + GRACE,
    )
    await publish(tx, PurchaseChanged(**purchase_state(changed)))


async def pay_back(tx: Tx, purchase: Purchase, returned: int, now: datetime) -> Purchase:
    """Refund `returned` credits in money and close the purchase. All that is ever refunded never exceeds the price."""
    amount = min(share(purchase.price, returned, purchase.session_count, purchase.currency), purchase.price - purchase.refunded)
    changed = await tx.one(
        Purchase,
        queries.CHANGE_PURCHASE,
        id=purchase.id,
        credits=0,
        refunded=purchase.refunded + amount,
        status="refunded",
        expires_at=purchase.expires_at,
    )
    await money.note(tx, changed, -amount, now)
    await publish(tx, PurchaseChanged(**purchase_state(changed)))
    return changed


async def purchase_of(tx: Tx, booking: Booking) -> Purchase:
    """The purchase that paid for a lesson."""
    return await tx.one(Purchase, queries.PURCHASE, id=booking.purchase_id)
