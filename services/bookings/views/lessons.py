"""Lessons as clients book and see them."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from services.bookings.queries.lessons import Booking, HistoryRow, ListedBooking
from services.bookings.queries.packages import Purchase
from services.bookings.rules.lessons import MOST_RESCHEDULES
from services.bookings.rules.states import By, Status
from services.bookings.settings import BookingsSettings
from services.bookings.views.fields import MaybeNote, MaybeReason, Minutes, minutes
from shared.types import Id, Instant, Money


class BookRequest(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "tutor_profile_id": 5,
                "start_at": "2027-01-25T14:00:00Z",
                "duration_minutes": 60,
                "lesson_type": "online",
                "subject_id": 1,
                "notes_student": "Need help with quadratic equations",
            }
        }
    )

    tutor_profile_id: Id
    start_at: Instant
    duration_minutes: Minutes = 60
    lesson_type: Literal["online", "in_person"] = "online"
    subject_id: Id | None = None
    notes_student: MaybeNote = None
    use_package_id: Id | None = None
    """A package, or a purchase of one, that pays with a credit."""


class ReasonRequest(BaseModel):
    reason: MaybeReason = None


class RescheduleRequest(BaseModel):
    new_start_time: Instant
    reason: MaybeReason = None


class ListFilter(StrEnum):
    UPCOMING = "upcoming"
    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class SubjectView(BaseModel):
    id: int
    name: str


class PartyView(BaseModel):
    user_id: int
    name: str
    avatar_url: str


class TutorView(PartyView):
    id: int
    """The profile's id."""


class BookingView(BaseModel):
    id: int
    student_id: int
    tutor_profile_id: int
    start_time: Instant
    end_time: Instant
    duration_minutes: int
    status: Status
    lesson_type: Literal["online", "in_person"]
    price_student: Money
    """What is to be paid for this lesson; 0 when a package paid."""
    currency: str
    subject: SubjectView | None
    tutor: TutorView
    purchase_id: int | None
    refund_amount: Money
    credit_returned: bool
    """Whether the package that paid got its credit back."""
    cancelled_by: By | None
    cancellation_reason: str | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, booking: Booking, settings: BookingsSettings) -> Self:
        return cls.model_validate(_plain(booking, settings))


class PackageUse(BaseModel):
    """The purchase that paid for a lesson."""

    id: int
    package_id: int
    name: str
    credits_remaining: int
    expires_at: Instant


class HistoryView(BaseModel):
    action: str
    status: Status
    by: By
    reason: str | None
    start_time: Instant
    at: Instant


class DetailView(BookingView):
    """A lesson with all that its parties may know."""

    notes_student: str | None
    student: PartyView
    package: PackageUse | None
    history: list[HistoryView]
    join_url: str | None
    respond_by: Instant | None
    reschedules_left: int

    @classmethod
    def whole(cls, booking: Booking, purchase: Purchase | None, history: list[HistoryRow], settings: BookingsSettings) -> Self:
        live = booking.status in (Status.PENDING, Status.CONFIRMED)
        more = {
            "notes_student": booking.notes_student,
            "student": _party(booking.student_id, booking.student_name, booking.student_avatar, settings),
            "package": _package(purchase) if purchase else None,
            "history": [_history(row) for row in history],
            "join_url": join_url(booking, settings),
            "respond_by": booking.respond_by if booking.status == Status.PENDING else None,
            "reschedules_left": MOST_RESCHEDULES - booking.times_moved if live else 0,
        }
        return cls.model_validate(_plain(booking, settings) | more)


class BookingRow(BaseModel):
    """A lesson in a list."""

    id: int
    tutor_profile_id: int
    tutor_user_id: int
    tutor_name: str
    student_id: int
    student_name: str
    subject_name: str | None
    start_time: Instant
    end_time: Instant
    duration_minutes: int
    lesson_type: str
    status: Status
    price: Money
    currency: str

    @classmethod
    def of(cls, booking: ListedBooking) -> Self:
        return cls(
            id=booking.id,
            tutor_profile_id=booking.tutor_id,
            tutor_user_id=booking.tutor_user_id,
            tutor_name=booking.tutor_name,
            student_id=booking.student_id,
            student_name=booking.student_name,
            subject_name=booking.subject_name,
            start_time=booking.start_at,
            end_time=booking.end_at,
            duration_minutes=minutes(booking.duration),
            lesson_type=booking.lesson_type,
            status=Status(booking.status),
            price=booking.price,
            currency=booking.currency,
        )


class BookingPage(BaseModel):
    bookings: list[BookingRow]
    total: int
    page: int
    page_size: int
    total_pages: int


def join_url(booking: Booking, settings: BookingsSettings) -> str | None:
    """Where the lesson is held, once it is agreed on and if it is online."""
    if booking.lesson_type != "online" or booking.status != Status.CONFIRMED:
        return None
    return settings.meeting_url.replace("{room}", booking.room)


def _plain(booking: Booking, settings: BookingsSettings) -> dict[str, object]:
    ended_early = booking.status in (Status.CANCELLED, Status.DECLINED, Status.EXPIRED)
    return {
        "id": booking.id,
        "student_id": booking.student_id,
        "tutor_profile_id": booking.tutor_id,
        "start_time": booking.start_at,
        "end_time": booking.end_at,
        "duration_minutes": minutes(booking.duration),
        "status": booking.status,
        "lesson_type": booking.lesson_type,
        "price_student": booking.price,
        "currency": booking.currency,
        "subject": {"id": booking.subject_id, "name": booking.subject_name} if booking.subject_id else None,
        "tutor": _party(booking.tutor_user_id, booking.tutor_name, booking.tutor_avatar, settings) | {"id": booking.tutor_id},
        "purchase_id": booking.purchase_id,
        "refund_amount": booking.refunded,
        "credit_returned": booking.credit_returned,
        "cancelled_by": booking.moved_by if booking.status == Status.CANCELLED else None,
        "cancellation_reason": booking.reason if ended_early else None,
        "created_at": booking.created_at,
        "updated_at": booking.updated_at,
    }


def _party(user_id: int, name: str, avatar: str | None, settings: BookingsSettings) -> dict[str, object]:
    return {"user_id": user_id, "name": name, "avatar_url": avatar or f"{settings.public_url}/api/avatars/default.png"}


def _package(purchase: Purchase) -> dict[str, object]:
    return {
        "id": purchase.id,
        "package_id": purchase.package_id,
        "name": purchase.package_name,
        "credits_remaining": purchase.credits_remaining,
        "expires_at": purchase.expires_at,
    }


def _history(row: HistoryRow) -> dict[str, object]:
    return {
        "action": row.move,
        "status": row.status,
        "by": row.by,
        "reason": row.reason,
        "start_time": row.start_at,
        "at": row.at,
    }
