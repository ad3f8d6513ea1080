"""Why the hub closes a socket: the code and the words its client gets (RFC 6455, 7.4.2: 4000 to 4999 are ours)."""

from enum import Enum


class Close(Enum):
    BAD_REQUEST = 4400, "since must be the event_id of a message"
    UNAUTHORIZED = 4401, "the access token is missing, expired or revoked"
    FORBIDDEN = 4403, "this is somebody else's connection"
    TOO_SLOW = 4408, "messages were not read fast enough: connect again with since"
    TOO_MANY = 4429, "too many connections of one person: the oldest was closed"
    TRY_LATER = 1013, "try again in a moment"

    @property
    def code(self) -> int:
        return self.value[0]

    @property
    def reason(self) -> str:
        return self.value[1]
