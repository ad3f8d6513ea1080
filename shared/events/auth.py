"""What the auth service says."""

from datetime import datetime
from typing import ClassVar, Literal

from shared.events.base import AuditRecorded, Event

Role = Literal["student", "tutor", "admin"]


class _Account(Event):
    """The whole public state of an account. `version` grows with every change: older ones are to be ignored."""

    user_id: int
    version: int
    email: str
    role: Role
    first_name: str
    last_name: str
    avatar_url: str
    currency: str
    timezone: str
    is_active: bool
    is_verified: bool
    email_notifications: bool = True
    push_notifications: bool = True
    sms_notifications: bool = False
    created_at: datetime
    deleted_at: datetime | None = None
    purged: bool = False


class UserRegistered(_Account):
    """A new account exists."""

    type: ClassVar[str] = "auth.user.registered.v1"


class UserChanged(_Account):
    """Anything of the account's public state changed: names, role, avatar, preferences, deactivation, deletion, restoration."""

    type: ClassVar[str] = "auth.user.changed.v1"


class UserPurged(_Account):
    """The account was anonymised for good: whoever keeps something of this person anonymises it now."""

    type: ClassVar[str] = "auth.user.purged.v1"


class UserSnapshot(_Account):
    """The state as it is, said again on request (resync): nothing happened."""

    type: ClassVar[str] = "auth.user.snapshotted.v1"


AccountEvent = UserRegistered | UserChanged | UserPurged | UserSnapshot
ACCOUNT_EVENTS = (UserRegistered, UserChanged, UserPurged, UserSnapshot)


class SessionsRevoked(Event):
    """Access tokens died before their time: all of the account's with a lower version, or those of one session."""

    type: ClassVar[str] = "auth.session.revoked.v1"

    user_id: int
    below_version: int | None = None
    session_id: str | None = None
    until: datetime
    """When the last access token concerned would have expired by itself."""


class MailRequested(Event):
    """A mail that only auth can word, because it carries a single-use token. Private."""

    type: ClassVar[str] = "auth.mail.requested.v1"
    private: ClassVar[bool] = True

    user_id: int
    email: str
    first_name: str
    kind: Literal["verify_email", "reset_password", "password_changed"]
    token: str | None = None
    expires_at: datetime | None = None


class AuthAudited(AuditRecorded):
    type: ClassVar[str] = "auth.audit.recorded.v1"
