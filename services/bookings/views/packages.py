"""Packages and purchases as clients offer, buy and see them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.bookings.queries.packages import Package, Purchase
from services.bookings.rules.packages import price_per_session
from services.bookings.views.fields import Minutes, required
from shared.types import Id, Instant, LongText, Money, Title

Price = Annotated[Money, Field(gt=Decimal(0), le=Decimal(1_000_000))]
Sessions = Annotated[int, Field(ge=1, le=100)]
ValidityDays = Annotated[int, Field(ge=1, le=730)]
NotNull = AfterValidator(required)


class PackageRequest(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "5-Session Math Package",
                "description": "5 one-hour sessions at discounted rate",
                "session_count": 5,
                "price": 200.00,
                "duration_minutes": 60,
                "validity_days": 90,
            }
        }
    )

    name: Title
    description: LongText | None = None
    session_count: Sessions
    price: Price
    duration_minutes: Minutes = 60
    validity_days: ValidityDays = 90
    is_active: bool = True


class PackageChange(BaseModel):
    name: Annotated[Title | None, NotNull] = None
    description: LongText | None = None
    session_count: Annotated[Sessions | None, NotNull] = None
    price: Annotated[Price | None, NotNull] = None
    duration_minutes: Annotated[Minutes | None, NotNull] = None
    validity_days: Annotated[ValidityDays | None, NotNull] = None
    is_active: Annotated[bool | None, NotNull] = None


class UseCreditRequest(BaseModel):
    student_id: Id | None = None
    """Whose credit, where a package was bought by several students."""


class PackageView(BaseModel):
    id: int
    tutor_profile_id: int
    name: str
    description: str | None
    session_count: int
    price: Money
    price_per_session: Money
    currency: str
    duration_minutes: int
    validity_days: int
    is_active: bool
    created_at: Instant

    @classmethod
    def of(cls, package: Package) -> Self:
        return cls(
            id=package.id,
            tutor_profile_id=package.tutor_id,
            name=package.name,
            description=package.description,
            session_count=package.session_count,
            price=package.price,
            price_per_session=price_per_session(package.price, package.session_count, package.currency),
            currency=package.currency,
            duration_minutes=package.duration_minutes,
            validity_days=package.validity_days,
            is_active=package.is_active,
            created_at=package.created_at,
        )


class PurchaseView(BaseModel):
    """A bought package; `id` can be given as `use_package_id` like the package's own."""

    id: int
    package_id: int
    name: str
    tutor_profile_id: int
    tutor_name: str
    student_id: int
    student_name: str
    session_count: int
    credits_remaining: int
    price: Money
    price_per_session: Money
    refund_amount: Money
    currency: str
    duration_minutes: int
    status: Literal["active", "used_up", "expired", "refunded"]
    purchased_at: Instant
    expires_at: Instant

    @classmethod
    def of(cls, purchase: Purchase, now: datetime) -> Self:
        return cls(
            id=purchase.id,
            package_id=purchase.package_id,
            name=purchase.package_name,
            tutor_profile_id=purchase.tutor_id,
            tutor_name=purchase.tutor_name,
            student_id=purchase.student_id,
            student_name=purchase.student_name,
            session_count=purchase.session_count,
            credits_remaining=purchase.credits_remaining,
            price=purchase.price,
            price_per_session=price_per_session(purchase.price, purchase.session_count, purchase.currency),
            refund_amount=purchase.refunded,
            currency=purchase.currency,
            duration_minutes=purchase.duration_minutes,
            status=_status(purchase, now),
            purchased_at=purchase.purchased_at,
            expires_at=purchase.expires_at,
        )


def _status(purchase: Purchase, now: datetime) -> Literal["active", "used_up", "expired", "refunded"]:
    if purchase.status == "refunded":
        return "refunded"
    if purchase.status == "expired" or purchase.expires_at <= now:
        return "expired"
    return "active" if purchase.credits_remaining else "used_up"
