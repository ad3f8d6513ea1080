"""What holds for messages, whatever the database says."""

from datetime import datetime, timedelta

from shared.errors import BadRequest

EDITABLE_FOR = timedelta(minutes=15)


class TooLateToEdit(BadRequest):
    detail = "A message can be edited within 15 minutes of being sent."


def refuse_late_edit(sent_at: datetime, now: datetime) -> None:
    """Raises `TooLateToEdit`; the last moment of the 15 minutes still counts."""
    if now - sent_at > EDITABLE_FOR:
        raise TooLateToEdit
