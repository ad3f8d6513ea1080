"""What clients get."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from services.notifications.queries import Notification
from shared.types import Instant


class NotificationView(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 1,
                "type": "booking_confirmed",
                "title": "Booking Confirmed",
                "message": "Your session with John Tutor is confirmed",
                "is_read": False,
                "created_at": "2025-01-24T10:30:00.000Z",
                "data": {"booking_id": 123},
            }
        }
    )

    id: int
    type: str
    title: str
    message: str
    is_read: bool
    created_at: Instant
    data: dict[str, Any]

    @classmethod
    def of(cls, row: Notification) -> Self:
        return cls(
            id=row.id,
            type=row.kind,
            title=row.title,
            message=row.message,
            is_read=row.is_read,
            created_at=row.created_at,
            data=row.data,
        )


class UnreadCountView(BaseModel):
    unread_count: int


class MarkedReadView(BaseModel):
    message: str
    updated: int
