"""What of this service's data is compared with the neighbours' (see `shared.integrity`), and said again where it differs."""

from services.messaging import queries
from shared import integrity
from shared.db import Tx
from shared.events.messaging import BlockChanged
from shared.integrity import AVATAR_NAME, Owned, Replica
from shared.outbox import publish


async def resend_blocks(tx: Tx, ids: list[int]) -> None:
    """Of each of these people whom they block."""
    await publish(tx, *(BlockChanged(**row, is_blocked=True) for row in await tx.rows(queries.BLOCKS_OF, ids=ids)))


# A row for each person who blocks others. What concerns purged people is compared nowhere: notifications forgets it with them.
_BLOCKS = """(
  SELECT blocker_id AS id, 1 AS version, string_agg(blocked_id::text, ' ' ORDER BY blocked_id) AS blocked FROM blocks
  WHERE NOT EXISTS (SELECT FROM people p WHERE p.id = blocker_id AND p.email = '')
    AND NOT EXISTS (SELECT FROM people p WHERE p.id = blocked_id AND p.email = '')
  GROUP BY blocker_id) AS blocks"""
BLOCKS = Owned("block", _BLOCKS, resend_blocks, fields={"blocked": "blocked"})
# People are part of the threads they wrote in, so one whom auth does not know is told of, not deleted.
PEOPLE = Replica(
    "user",
    "people",
    "auth",
    fields={"name": "name", "email_until_purged": "email", "avatar_name": AVATAR_NAME, "is_active": "is_active"},
    removable=False,
)
BOOKINGS = Replica("booking", "bookings", "bookings", fields={"student_id": "student_id", "tutor_user_id": "tutor_user_id"})

router = integrity.router(owned=(BLOCKS,), replicas=(PEOPLE, BOOKINGS))
