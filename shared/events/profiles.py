"""What the profiles service says."""

from datetime import date, time
from decimal import Decimal
from typing import ClassVar, Literal

from shared.events.base import AuditRecorded, Data, Event

Status = Literal["incomplete", "pending_approval", "approved", "rejected"]


class SubjectRef(Data):
    id: int
    name: str


class Window(Data):
    """A stretch of the tutor's local time, weekly on `weekday` (0 = Monday) or on the one day `on`.

    `end` 00:00 means midnight after it. A window of one day may overlap a weekly one: the two count as united."""

    weekday: int | None = None
    on: date | None = None
    start: time
    end: time


class DayOff(Data):
    """Days (both included, in the tutor's zone) on which no window stands; with times, only that part of each day."""

    first: date
    last: date
    start: time | None = None
    end: time | None = None


class _Tutor(Event):
    """The whole state of a tutor profile that others need. `version` grows with every change: older ones are to be ignored."""

    tutor_id: int
    """The profile's id (not the account's)."""
    user_id: int
    version: int
    status: Status
    is_active: bool
    """False when the account is deactivated or deleted: whatever the status, the tutor is then not to be found or booked."""
    name: str
    title: str | None
    hourly_rate: Decimal | None
    currency: str
    timezone: str
    subjects: list[SubjectRef]
    windows: list[Window]
    days_off: list[DayOff]


class TutorChanged(_Tutor):
    type: ClassVar[str] = "profiles.tutor.changed.v1"


class TutorSnapshot(_Tutor):
    """The state as it is, said again on request (resync): nothing happened."""

    type: ClassVar[str] = "profiles.tutor.snapshotted.v1"


TutorEvent = TutorChanged | TutorSnapshot
TUTOR_EVENTS = (TutorChanged, TutorSnapshot)


class TutorSubmitted(Event):
    type: ClassVar[str] = "profiles.tutor.submitted.v1"

    tutor_id: int
    user_id: int


class TutorApproved(Event):
    type: ClassVar[str] = "profiles.tutor.approved.v1"

    tutor_id: int
    user_id: int
    by: int


class TutorRejected(Event):
    type: ClassVar[str] = "profiles.tutor.rejected.v1"

    tutor_id: int
    user_id: int
    by: int
    reason: str


class SubjectChanged(Event):
    """A subject was created, renamed or (`deleted`) removed."""

    type: ClassVar[str] = "profiles.subject.changed.v1"

    subject_id: int
    version: int
    name: str
    category: str | None
    deleted: bool = False


class ProfilesAudited(AuditRecorded):
    type: ClassVar[str] = "profiles.audit.recorded.v1"
