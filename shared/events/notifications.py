"""What the notifications service says."""

from datetime import datetime
from typing import Any, ClassVar

from shared.events.base import Event


class NotificationCreated(Event):
    """Something to tell one person now, for the sockets of that person. Private: its words may quote people."""

    type: ClassVar[str] = "notifications.notification.created.v1"
    private: ClassVar[bool] = True

    notification_id: int
    user_id: int
    kind: str
    title: str
    message: str
    data: dict[str, Any]
    created_at: datetime


class PresenceChanged(Event):
    """Somebody opened their first live connection, or closed the last one."""

    type: ClassVar[str] = "notifications.presence.changed.v1"

    user_id: int
    version: int
    is_online: bool
