"""What of this service's data is compared with the neighbours' (see `shared.integrity`), and said again where it differs."""

from services.notifications.hub import presence
from shared import integrity
from shared.integrity import Owned, Replica

PRESENCE = Owned("presence", "presence", presence.say_again, id="user_id", where="version > 0", fields={"is_online": "is_online"})
PEOPLE = Replica(
    "user",
    "people",
    "auth",
    fields={
        "email": "email",
        "first_name": "first_name",
        "timezone": "timezone",
        "is_active": "is_active",
        "email_notifications": "wants_email",
        "push_notifications": "wants_push",
        "sms_notifications": "wants_sms",
        "purged": "is_purged",
    },
)
# A row for each person who blocks others; blocks that were lifted, and those of purged people, are as none.
_BLOCKS = """(
  SELECT blocker_id AS id, 1 AS version, string_agg(blocked_id::text, ' ' ORDER BY blocked_id) AS blocked FROM blocks
  WHERE is_blocked AND NOT EXISTS (SELECT FROM people p WHERE p.id = blocker_id AND p.is_purged)
    AND NOT EXISTS (SELECT FROM people p WHERE p.id = blocked_id AND p.is_purged)
  GROUP BY blocker_id) AS blocks"""
BLOCKS = Replica("block", _BLOCKS, "messaging", rows=("blocks", "blocker_id"), fields={"blocked": "blocked"})

router = integrity.router(owned=(PRESENCE,), replicas=(PEOPLE, BLOCKS))
