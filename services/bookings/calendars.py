"""A lesson as an iCalendar file (RFC 5545), to be put into anybody's calendar."""

from datetime import timedelta

from icalendar import Alarm, Calendar, Event

from services.bookings.queries.lessons import Booking
from services.bookings.rules.states import Status
from services.bookings.settings import BookingsSettings
from services.bookings.views.lessons import join_url

STATUSES = {Status.PENDING: "TENTATIVE", Status.CONFIRMED: "CONFIRMED", Status.COMPLETED: "CONFIRMED"}


def invitation(booking: Booking, settings: BookingsSettings) -> bytes:
    """One event; later versions of the same lesson replace it in the calendar."""
    event = Event()
    event.add("uid", f"booking-{booking.id}@edustream")
    event.add("sequence", booking.version - 1)
    event.add("dtstamp", booking.updated_at)
    event.add("dtstart", booking.start_at)
    event.add("dtend", booking.end_at)
    event.add("summary", f"{booking.subject_name or 'Lesson'}: {booking.student_name} with {booking.tutor_name}")
    event.add("status", STATUSES.get(Status(booking.status), "CANCELLED"))
    if url := join_url(booking, settings):
        event.add("url", url)
        event.add("location", url)
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", "The lesson starts in an hour.")
    alarm.add("trigger", timedelta(hours=-1))
    event.add_component(alarm)
    calendar = Calendar()
    calendar.add("prodid", "-//EduStream//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return bytes(calendar.to_ical())
