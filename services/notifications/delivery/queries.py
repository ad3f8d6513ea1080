"""SQL of outgoing letters, and the rows it yields."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """A letter that this process may send until its lease ends, and what is known of the person. `is_known` is False while the
    account's event has not come by."""

    id: int
    event_id: UUID
    user_id: int
    kind: str
    content: dict[str, Any]
    attempts: int
    not_after: datetime
    created_at: datetime
    given_address: str | None
    is_known: bool
    address: str
    first_name: str
    timezone: str
    is_active: bool
    is_purged: bool
    is_wanted: bool
    is_moot: bool
    """What it is about was read in the app, or deleted, or is from somebody whom the person has blocked since."""
    is_about_purged: bool
    """The person whom it names is not to be named any more."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many letters wait on a channel, and since when the oldest of them should have been gone, in seconds."""

    channel: str
    count: int
    age: float


ENQUEUE = """
INSERT INTO deliveries (event_id, user_id, channel, kind, address, content, not_after, next_at, notification_id, priority)
VALUES (%(event_id)s, %(user_id)s, %(channel)s, %(kind)s, %(address)s, %(content)s::jsonb, %(not_after)s,
  now() + %(wait)s::interval, %(notification_id)s, %(priority)s)
ON CONFLICT (event_id, user_id, channel) DO NOTHING
"""
# The claim is committed before anything is sent; a process that dies leaves a lease that ends.
CLAIM = """
WITH claimed AS (
  UPDATE deliveries SET attempts = attempts + 1, next_at = now() + interval '10 minutes'
  WHERE id = (
    SELECT id FROM deliveries WHERE status = 'waiting' AND channel = %(channel)s AND next_at <= now()
    ORDER BY priority, next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
  )
  RETURNING id, event_id, user_id, channel, kind, content, attempts, not_after, created_at, address, notification_id
)
SELECT c.id, c.event_id, c.user_id, c.kind, c.content, c.attempts, c.not_after, c.created_at, c.address AS given_address,
  p.id IS NOT NULL AS is_known, coalesce(p.email, '') AS address, coalesce(p.first_name, '') AS first_name,
  coalesce(p.timezone, 'UTC') AS timezone, coalesce(p.is_active, true) AS is_active, coalesce(p.is_purged, false) AS is_purged,
  coalesce(CASE c.channel WHEN 'email' THEN p.wants_email WHEN 'push' THEN p.wants_push ELSE p.wants_sms END, true) AS is_wanted,
  c.notification_id IS NOT NULL AND (coalesce(n.is_read, true) OR coalesce(b.is_blocked, false)) AS is_moot,
  coalesce(a.is_purged, false) AS is_about_purged
FROM claimed c LEFT JOIN people p ON p.id = c.user_id LEFT JOIN notifications n ON n.id = c.notification_id
LEFT JOIN people a ON a.id = (c.content ->> 'about_id')::bigint
LEFT JOIN blocks b ON b.blocker_id = c.user_id AND b.blocked_id = (c.content ->> 'about_id')::bigint
"""
# `attempts` is the fencing token: whoever lost the claim to somebody else touches nothing.
HAND_OVER = "UPDATE deliveries SET status = 'handed_over' WHERE id = %(id)s AND attempts = %(attempts)s AND status = 'waiting'"
FINISH = """
UPDATE deliveries SET status = %(status)s, error = %(error)s, finished_at = now(), content = '{}'
WHERE id = %(id)s AND attempts = %(attempts)s AND finished_at IS NULL
"""
GIVE_BACK = """
UPDATE deliveries SET status = 'waiting', error = %(error)s, next_at = now() + %(pause)s::interval
WHERE id = %(id)s AND attempts = %(attempts)s AND finished_at IS NULL
"""
STATUS = "SELECT status FROM deliveries WHERE id = %(id)s"
# Its sender died, or lost the connection, after the other side may have taken it.
MARK_UNKNOWN = """
UPDATE deliveries SET status = 'unknown', finished_at = now(), content = '{}'
WHERE status = 'handed_over' AND next_at <= now() RETURNING id, channel
"""
# Its own sender does that, unless the channel was switched off, or cannot be reached for days.
EXPIRE = """
UPDATE deliveries SET status = 'expired', finished_at = now(), content = '{}' WHERE id = ANY(ARRAY(
  SELECT id FROM deliveries WHERE status = 'waiting' AND not_after < now() LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
RETURNING channel
"""
CALL_OFF = """
UPDATE deliveries SET status = 'expired', finished_at = now(), content = '{}'
WHERE user_id = ANY(%(user_ids)s::bigint[]) AND kind = 'booking_reminder' AND status = 'waiting'
  AND (content -> 'data' ->> 'booking_id')::bigint = %(booking_id)s
  AND content -> 'data' ->> 'start_at' IS DISTINCT FROM %(takes_place_at)s::text
"""
# One that was tried is late since it was queued, for every attempt moves `next_at`; any other since its time came.
WAITING = """
SELECT channel, count(*),
  greatest(extract(epoch FROM now() - min(CASE attempts WHEN 0 THEN next_at ELSE created_at END)), 0)::float AS age
FROM deliveries WHERE status = 'waiting' GROUP BY channel
"""
FORGET = "DELETE FROM deliveries WHERE finished_at < now() - interval '30 days'"
