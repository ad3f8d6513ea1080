"""What the notifications service says."""

from typing import ClassVar

from shared.events.base import Data, Event


class PresenceChanged(Event):
    """Somebody opened their first live connection, or closed the last one."""

    type: ClassVar[str] = "notifications.presence.changed.v1"

    user_id: int
    version: int
    is_online: bool


class LiveEntry(Data):
    """One socket message of one person. `event_id` counts up from 1 for each person, without holes and in the order of commits;
    `body` is a JSON object as text."""

    user_id: int
    event_id: int
    body: str


class LiveMessagesLogged(Event):
    """Socket messages are in the log: each hub passes them on to the sockets it holds. Private."""

    type: ClassVar[str] = "notifications.live.logged.v1"
    private: ClassVar[bool] = True
    live_only: ClassVar[bool] = True

    entries: list[LiveEntry]


class TypingNoticed(Event):
    """One person is writing to another right now. Never stored; private."""

    type: ClassVar[str] = "notifications.typing.noticed.v1"
    private: ClassVar[bool] = True
    live_only: ClassVar[bool] = True

    user_id: int
    other_user_id: int
    is_typing: bool = True
