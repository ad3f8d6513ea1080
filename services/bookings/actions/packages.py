"""Packages: offered, changed and withdrawn by tutors, bought by students, refunded."""

from datetime import datetime, timedelta
from typing import LiteralString

from services.bookings.actions import credits, lessons, money, replicas
from services.bookings.actions.events import purchase_state
from services.bookings.queries import packages as queries
from services.bookings.queries.packages import Package, Purchase
from services.bookings.rules.packages import PriceTooFine, check_price
from services.bookings.views.packages import PackageChange, PackageRequest
from shared.auth import Principal
from shared.db import Tx
from shared.errors import BadRequest, Conflict, NotFound
from shared.events.bookings import BookingsAudited, PackagePurchased
from shared.outbox import publish
from shared.paging import Page
from shared.tokens import Role


class PackageNotFound(NotFound):
    detail = "There is no such package."


class PriceTooFineForReplica(replicas.TutorDoubted, PriceTooFine):
    """The tutor may have another currency by now."""

    code = PriceTooFine.code


class OwnPackage(BadRequest):
    detail = "Tutors cannot buy their own packages."


class WhoseCredit(BadRequest):
    detail = "Several students have credits of this package: name one by `student_id`, or use the purchase's id."


class NothingToRefund(Conflict):
    detail = "No credit of this purchase is left to refund."


async def offer(tx: Tx, actor: Principal, request: PackageRequest, now: datetime) -> Package:
    """A new package of the tutor's, priced in the tutor's currency."""
    tutor = await replicas.own_profile(tx, actor.user_id)
    try:
        check_price(request.price, tutor.currency)
    except PriceTooFine as error:
        raise PriceTooFineForReplica(tutor.id, detail=error.message) from error
    return await tx.one(
        Package,
        queries.INSERT,
        tutor_id=tutor.id,
        tutor_user_id=actor.user_id,
        currency=tutor.currency,
        now=now,
        **request.model_dump(),
    )


async def change(tx: Tx, actor: Principal, package_id: int, request: PackageChange) -> Package:
    """Change an offer; what was bought before stays as it was bought."""
    package = await _lock_own(tx, actor, package_id)
    columns = {name: getattr(package, name) for name in PackageChange.model_fields}
    columns |= request.model_dump(exclude_unset=True)
    check_price(columns["price"], package.currency)
    return await tx.one(Package, queries.UPDATE, id=package.id, **columns)


async def withdraw(tx: Tx, actor: Principal, package_id: int, now: datetime) -> None:
    """Take an offer back; purchases of it stay good."""
    package = await _lock_own(tx, actor, package_id)
    await tx.run(queries.DELETE, id=package.id, now=now)


async def page_of(tx: Tx, actor: Principal, tutor_id: int | None, page: Page) -> list[Package]:
    """What can be bought; tutors see their own packages, and administrators all, also when they are not active."""
    return await tx.all(
        Package,
        queries.LIST,
        tutor_id=tutor_id,
        user_id=actor.user_id,
        sees_all=actor.is_admin,
        limit=page.limit,
        offset=page.offset,
    )


async def buy(tx: Tx, actor: Principal, package_id: int, now: datetime) -> Purchase:
    """Buy a package as it is on offer now. Raises `PackageNotFound`, `OwnPackage` or `TutorNotFound`."""
    tutor_id = await tx.value(queries.TUTOR_OF, id=package_id)
    if tutor_id is None:
        raise PackageNotFound
    await lessons.queue(tx, {tutor_id}, {actor.user_id})  # behind whoever leaves: what is sold is paid back, or not sold
    package = await tx.maybe(Package, queries.ON_OFFER, id=package_id)
    if package is None:
        raise PackageNotFound
    if package.tutor_user_id == actor.user_id:
        raise OwnPackage
    await replicas.check_student(tx, actor.user_id)
    await replicas.find_tutor(tx, package.tutor_id)
    purchase = await tx.one(
        Purchase,
        queries.BUY,
        package_id=package.id,
        package_name=package.name,
        tutor_id=package.tutor_id,
        tutor_user_id=package.tutor_user_id,
        student_id=actor.user_id,
        session_count=package.session_count,
        price=package.price,
        currency=package.currency,
        duration_minutes=package.duration_minutes,
        now=now,
        expires_at=now + timedelta(days=package.validity_days),
    )
    await money.note(tx, purchase, purchase.price, now)
    await publish(tx, PackagePurchased(**purchase_state(purchase)))
    return purchase


async def purchases(tx: Tx, actor: Principal, page: Page) -> list[Purchase]:
    """What a student bought, or a tutor sold, newest first."""
    sql = queries.SALES if actor.role is Role.TUTOR else queries.PURCHASES
    return await tx.all(Purchase, sql, user_id=actor.user_id, limit=page.limit, offset=page.offset)


async def all_purchases(tx: Tx, student_id: int | None, tutor_id: int | None, page: Page) -> list[Purchase]:
    """For administrators: everybody's purchases, or those of one student, or with one tutor, newest first."""
    conditions: list[LiteralString] = []  # only those that apply: so the index of one student, or of one tutor, serves
    if student_id is not None:
        conditions.append(queries.OF_STUDENT)
    if tutor_id is not None:
        conditions.append(queries.WITH_TUTOR)
    sql = queries.ALL_PURCHASES.format(whose=" AND ".join(conditions) or "true")
    return await tx.all(Purchase, sql, student_id=student_id, tutor_id=tutor_id, limit=page.limit, offset=page.offset)


async def use_credit(tx: Tx, actor: Principal, named: int, student_id: int | None, now: datetime) -> Purchase:
    """Take one credit by hand, for a lesson held outside of EduStream. `named` is a package or a purchase."""
    owner = await tx.value(queries.OWNER, named=named)
    if owner is None or not (actor.is_admin or owner == actor.user_id):
        raise PackageNotFound
    if await tx.value(queries.STUDENTS_WITH_CREDIT, named=named, student_id=student_id, now=now) > 1:
        raise WhoseCredit
    purchase_id = await tx.value(queries.USABLE, named=named, student_id=student_id, now=now)
    if purchase_id is None:
        raise credits.InsufficientPackageCredits
    purchase = await credits.take(tx, purchase_id)
    left = purchase.credits_remaining
    await publish(tx, BookingsAudited.of("package_credit_used", actor, "purchase", purchase.id, before=left + 1, after=left))
    return purchase


async def refund(tx: Tx, actor: Principal, purchase_id: int, now: datetime) -> Purchase:
    """Pay the unused credits of a purchase back and close it; for its tutor and administrators."""
    purchase = await tx.maybe(Purchase, queries.PURCHASE_LOCKED, id=purchase_id)
    if purchase is None or not (actor.is_admin or purchase.tutor_user_id == actor.user_id):
        raise PackageNotFound
    if not purchase.credits_remaining:
        raise NothingToRefund
    after = await credits.pay_back(tx, purchase, purchase.credits_remaining, now)
    await publish(
        tx,
        BookingsAudited.of(
            "purchase_refunded",
            actor,
            "purchase",
            purchase.id,
            before=purchase.credits_remaining,
            after=0,
            amount=str(after.refunded - purchase.refunded),
            currency=purchase.currency,
        ),
    )
    return after


async def _lock_own(tx: Tx, actor: Principal, package_id: int) -> Package:
    package = await tx.maybe(Package, queries.BY_ID_LOCKED, id=package_id)
    if package is None or package.tutor_user_id != actor.user_id:
        raise PackageNotFound
    return package
