"""What a way out of EduStream has to be able to do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

HandOver = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Letter:
    """One thing to send to one person. `content` has `title`, `message`, `facts` and `data`, or what auth's mails need."""

    id: int
    event_id: UUID
    user_id: int
    kind: str
    content: dict[str, Any]
    address: str
    first_name: str
    timezone: str
    created_at: datetime


class Refused(Exception):
    """The other side will never take this letter (a bounce). It is marked, and the next one gets its turn."""


class Later(Exception):
    """The other side did not take this letter now, for a reason that is the letter's own (greylisting, a full mailbox)."""


class Unreachable(Exception):
    """Nothing can be sent at the moment: all letters wait."""


class Channel(Protocol):
    """A way out. Holds its connection, if it needs one, from the first `send` until `close`."""

    async def send(self, letter: Letter, hand_over: HandOver) -> None:
        """Send it, or raise `Refused`, `Later` or `Unreachable`.

        Await `hand_over` immediately before the step after which the other side may have the letter. When anything else than
        those three is raised after that, nobody knows whether it arrived: it is marked `unknown` and never sent again."""

    async def close(self) -> None:
        """No more letters for the moment."""
