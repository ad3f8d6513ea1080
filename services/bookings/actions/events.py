"""The words in which lessons and purchases are told to the other services."""

from typing import Any

from services.bookings.queries.lessons import AnsweredBooking, Booking
from services.bookings.queries.packages import Purchase
from shared.events.bookings import BookingSnapshot


def booking_state(booking: Booking) -> dict[str, Any]:
    """The fields of every booking event."""
    return {
        "booking_id": booking.id,
        "version": booking.version,
        "status": booking.status,
        "student_id": booking.student_id,
        "tutor_user_id": booking.tutor_user_id,
        "tutor_id": booking.tutor_id,
        "student_name": booking.student_name,
        "tutor_name": booking.tutor_name,
        "subject_id": booking.subject_id,
        "subject_name": booking.subject_name,
        "start_at": booking.start_at,
        "end_at": booking.end_at,
        "lesson_type": booking.lesson_type,
        "price": booking.price,
        "currency": booking.currency,
        "refunded": booking.refunded,
        "purchase_id": booking.purchase_id,
        "by": booking.moved_by,
        "reason": booking.reason,
        "created_at": booking.created_at,
    }


def snapshot(booking: AnsweredBooking) -> BookingSnapshot:
    """A lesson as it is, for whoever may have missed what happened to it."""
    return BookingSnapshot(**booking_state(booking), answered_at=booking.answered_at)


def purchase_state(purchase: Purchase) -> dict[str, Any]:
    """The fields of every purchase event."""
    return {
        "purchase_id": purchase.id,
        "version": purchase.version,
        "package_id": purchase.package_id,
        "package_name": purchase.package_name,
        "tutor_id": purchase.tutor_id,
        "tutor_user_id": purchase.tutor_user_id,
        "student_id": purchase.student_id,
        "price": purchase.price,
        "currency": purchase.currency,
        "refunded": purchase.refunded,
        "credits_remaining": purchase.credits_remaining,
        "expires_at": purchase.expires_at,
        "purchased_at": purchase.purchased_at,
        "status": purchase.status,
    }
