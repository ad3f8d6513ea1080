"""What the bookings service says."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal

from shared.events.base import AuditRecorded, Event

Status = Literal["PENDING", "CONFIRMED", "DECLINED", "CANCELLED", "EXPIRED", "COMPLETED", "NO_SHOW_STUDENT", "NO_SHOW_TUTOR"]
By = Literal["student", "tutor", "admin", "system"]


class _Booking(Event):
    """The whole state of a booking after the move. `version` grows with every move: older ones are to be ignored."""

    booking_id: int
    version: int
    status: Status
    student_id: int
    """Account ids of the two parties, and the tutor's profile id."""
    tutor_user_id: int
    tutor_id: int
    student_name: str
    tutor_name: str
    subject_id: int | None
    subject_name: str | None
    start_at: datetime
    end_at: datetime
    lesson_type: Literal["online", "in_person"]
    price: Decimal
    currency: str
    refunded: Decimal = Decimal(0)
    """What the student got back in all, in `currency`."""
    purchase_id: int | None = None
    """The package purchase that paid for it, if one did."""
    by: By
    reason: str | None = None
    created_at: datetime


class BookingRequested(_Booking):
    type: ClassVar[str] = "bookings.booking.requested.v1"


class BookingConfirmed(_Booking):
    type: ClassVar[str] = "bookings.booking.confirmed.v1"


class BookingDeclined(_Booking):
    type: ClassVar[str] = "bookings.booking.declined.v1"


class BookingCancelled(_Booking):
    type: ClassVar[str] = "bookings.booking.cancelled.v1"


class BookingExpired(_Booking):
    type: ClassVar[str] = "bookings.booking.expired.v1"


class BookingRescheduled(_Booking):
    type: ClassVar[str] = "bookings.booking.rescheduled.v1"

    previous_start_at: datetime


class BookingCompleted(_Booking):
    type: ClassVar[str] = "bookings.booking.completed.v1"


class BookingNoShow(_Booking):
    """Somebody did not come: `status` says who."""

    type: ClassVar[str] = "bookings.booking.missed.v1"


class BookingReminderDue(_Booking):
    """The lesson starts in about `hours` hours (24 or 1)."""

    type: ClassVar[str] = "bookings.booking.reminded.v1"

    hours: int


class BookingSnapshot(_Booking):
    """The state as it is, said again on request (resync): nothing happened."""

    type: ClassVar[str] = "bookings.booking.snapshotted.v1"

    answered_at: datetime | None = None
    """When the tutor first confirmed or declined it."""


BookingEvent = (
    BookingRequested
    | BookingConfirmed
    | BookingDeclined
    | BookingCancelled
    | BookingExpired
    | BookingRescheduled
    | BookingCompleted
    | BookingNoShow
    | BookingSnapshot
)
BOOKING_EVENTS = (
    BookingRequested,
    BookingConfirmed,
    BookingDeclined,
    BookingCancelled,
    BookingExpired,
    BookingRescheduled,
    BookingCompleted,
    BookingNoShow,
    BookingSnapshot,
)


class ReviewReceived(Event):
    """A review was written or edited (`edited`), or the tutor responded to it (`responded`)."""

    type: ClassVar[str] = "bookings.review.received.v1"

    review_id: int
    version: int
    booking_id: int
    tutor_id: int
    tutor_user_id: int
    student_id: int
    rating: int
    edited: bool = False
    responded: bool = False


class RatingChanged(Event):
    """The tutor's reviews, summed up after a change."""

    type: ClassVar[str] = "bookings.rating.changed.v1"

    tutor_id: int
    version: int
    average_rating: Decimal | None
    total_reviews: int


class _Purchase(Event):
    """The whole state of a bought package. `version` grows with every change: older ones are to be ignored."""

    purchase_id: int
    version: int
    package_id: int
    package_name: str
    tutor_id: int
    tutor_user_id: int
    student_id: int
    price: Decimal
    currency: str
    refunded: Decimal = Decimal(0)
    credits_remaining: int
    expires_at: datetime
    purchased_at: datetime
    status: Literal["active", "expired", "refunded"] = "active"


class PackagePurchased(_Purchase):
    type: ClassVar[str] = "bookings.package.purchased.v1"


class PurchaseChanged(_Purchase):
    """Credits were used or given back, or the purchase expired or was refunded."""

    type: ClassVar[str] = "bookings.package.changed.v1"


class PaymentRecorded(Event):
    """Money moved for a lesson or a package: a charge was collected or a refund was paid back. `amount` is positive for both."""

    type: ClassVar[str] = "bookings.payment.recorded.v1"

    entry_id: int
    booking_id: int | None
    purchase_id: int | None
    student_id: int
    kind: Literal["charge", "refund"]
    amount: Decimal
    currency: str
    provider: str
    reference: str


class BookingsAudited(AuditRecorded):
    type: ClassVar[str] = "bookings.audit.recorded.v1"
