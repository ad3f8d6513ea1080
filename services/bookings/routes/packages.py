"""Packages of lessons, and purchases of them."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.bookings.actions import packages
from services.bookings.actions.replicas import StudentUnknown
from services.bookings.owners import Verified
from services.bookings.views.packages import PackageChange, PackageRequest, PackageView, PurchaseView, UseCreditRequest
from shared.auth import Actor, Now, Student, Tutor, WrongRole
from shared.db import Reading, Transaction, Tx
from shared.http import never_answers
from shared.idempotency import OnceOnly
from shared.paging import Paging50
from shared.tokens import Role
from shared.types import Id, Maybe

router = APIRouter(prefix="/api/packages", tags=["Packages"])
ANYBODY = UseCreditRequest()


@router.post("", status_code=201)
async def offer_package(body: PackageRequest, actor: Tutor, once: OnceOnly, verified: Verified, now: Now) -> PackageView:
    """Offer a package of lessons."""

    async def create(tx: Tx) -> PackageView:
        async def offer() -> PackageView:
            return PackageView.of(await packages.offer(tx, actor, body, now))

        return await once(tx, actor, body, PackageView, offer)

    return await verified.transaction(create)


@router.get("")
async def list_packages(
    actor: Actor, tx: Reading, paging: Paging50, tutor_id: Annotated[Maybe[Id], Query()] = None
) -> list[PackageView]:
    """Packages on offer, of one tutor or of all."""
    return [PackageView.of(package) for package in await packages.page_of(tx, actor, tutor_id, paging)]


@router.get("/purchases")
async def list_purchases(
    actor: Actor,
    tx: Reading,
    paging: Paging50,
    now: Now,
    student_id: Annotated[Maybe[Id], Query()] = None,
    tutor_id: Annotated[Maybe[Id], Query()] = None,
) -> list[PurchaseView]:
    """The packages one bought or, as a tutor, sold. Administrators see everybody's, or those of `student_id` or `tutor_id`."""
    if actor.is_admin:
        found = await packages.all_purchases(tx, student_id, tutor_id, paging)
    elif student_id is None and tutor_id is None:
        found = await packages.purchases(tx, actor, paging)
    else:
        raise WrongRole("Only an administrator may look for others' purchases.")
    return [PurchaseView.of(purchase, now) for purchase in found]


@router.patch("/{package_id}")
async def change_package(package_id: Id, body: PackageChange, actor: Tutor, tx: Transaction) -> PackageView:
    """Change one's offer. What was bought before stays as it was."""
    return PackageView.of(await packages.change(tx, actor, package_id, body))


@router.delete("/{package_id}", status_code=204)
async def withdraw_package(package_id: Id, actor: Tutor, tx: Transaction, now: Now) -> None:
    """Take one's offer back. Purchases of it stay good."""
    await packages.withdraw(tx, actor, package_id, now)


@router.post("/{package_id}/purchase", status_code=201)
@never_answers(StudentUnknown)  # the second time: a student of whom nobody has heard is assumed to be one
async def buy_package(package_id: Id, actor: Student, once: OnceOnly, verified: Verified, now: Now) -> PurchaseView:
    """Buy a package."""

    async def create(tx: Tx) -> PurchaseView:
        async def buy() -> PurchaseView:
            return PurchaseView.of(await packages.buy(tx, actor, package_id, now), now)

        return await once(tx, actor, package_id, PurchaseView, buy)

    return await verified.transaction(create)


@router.patch("/{package_id}/use-credit")
async def use_credit(package_id: Id, actor: Actor, tx: Transaction, now: Now, body: UseCreditRequest = ANYBODY) -> PurchaseView:
    """Take one credit by hand, of a package or a purchase; for the tutor and administrators."""
    _refuse_students(actor.role)
    return PurchaseView.of(await packages.use_credit(tx, actor, package_id, body.student_id, now), now)


@router.post("/purchases/{purchase_id}/refund")
async def refund_purchase(purchase_id: Id, actor: Actor, tx: Transaction, now: Now) -> PurchaseView:
    """Pay the unused credits of a purchase back; for the tutor and administrators."""
    _refuse_students(actor.role)
    return PurchaseView.of(await packages.refund(tx, actor, purchase_id, now), now)


def _refuse_students(role: Role) -> None:
    if role is Role.STUDENT:
        raise WrongRole("Only the tutor or an administrator may do this.")
