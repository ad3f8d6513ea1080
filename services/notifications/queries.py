"""SQL of the notifications service, and the rows it yields."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    first_name: str
    is_active: bool
    is_purged: bool


@dataclass(frozen=True, slots=True)
class Notification:
    id: int
    user_id: int
    kind: str
    title: str
    message: str
    data: dict[str, Any]
    is_read: bool
    folded: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LiveMessage:
    event_id: int
    body: str


@dataclass(frozen=True, slots=True)
class Logged:
    user_id: int
    event_id: int


@dataclass(frozen=True, slots=True)
class Folded:
    id: int
    folded: int
    about_name: str | None
    is_over: bool
    """Everything that it counts was read or deleted."""


@dataclass(frozen=True, slots=True)
class Side:
    """A thread as one of its two people has it. `told` is the place of the last message told; None: it is not known."""

    user_id: int
    read_up_to: int
    told: int | None
    is_purged: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """A message that is being told. `message` is its text if it was edited since, None if it was deleted. `following` is the
    event of the next one, if that has come already."""

    is_edited: bool
    message: str | None
    following: str | None


COLUMNS = "id, user_id, kind, title, message, data, is_read, folded, created_at"

# What was so before comes back with what is so now: a change of `is_active` is something to tell. It is read first, and locked:
# of two changes handled at once the second must see what the first has made, or both would tell the same.
REMEMBER_PERSON = """
WITH before AS MATERIALIZED (SELECT is_active FROM people WHERE id = %(id)s FOR UPDATE)
INSERT INTO people (id, version, email, first_name, timezone, is_active, is_purged, wants_email, wants_push, wants_sms)
SELECT %(id)s, %(version)s, %(email)s, %(first_name)s, %(timezone)s, %(is_active)s, %(is_purged)s,
  %(wants_email)s, %(wants_push)s, %(wants_sms)s
FROM (SELECT count(*) FROM before) AS locked
ON CONFLICT (id) DO UPDATE SET version = excluded.version, email = excluded.email, first_name = excluded.first_name,
  timezone = excluded.timezone, is_active = excluded.is_active, is_purged = excluded.is_purged,
  wants_email = excluded.wants_email, wants_push = excluded.wants_push, wants_sms = excluded.wants_sms
WHERE people.version < excluded.version
RETURNING (SELECT is_active FROM before) AS was_active
"""
PURGED = "SELECT id FROM people WHERE id = ANY(%(ids)s::bigint[]) AND is_purged"

ADD = f"""
INSERT INTO notifications AS n
  (user_id, event_id, kind, title, message, anonymous, data, about_id, about_name, fold_key, newest_id, oldest_id, created_at)
VALUES (%(user_id)s, %(event_id)s, %(type)s, %(title)s, %(message)s, %(anonymous)s, %(data)s::jsonb, %(about_id)s,
  %(about_name)s, %(fold_key)s, %(newest_id)s, %(newest_id)s, %(created_at)s)
ON CONFLICT (user_id, fold_key) WHERE NOT is_read AND fold_key IS NOT NULL DO UPDATE SET
  folded = n.folded + 1, message = (n.folded + 1) || %(folded_message)s::text,
  anonymous = (n.folded + 1) || %(folded_anonymous)s::text, about_name = excluded.about_name,
  data = excluded.data || jsonb_build_object('count', n.folded + 1),
  event_id = excluded.event_id, newest_id = greatest(n.newest_id, excluded.newest_id),
  oldest_id = least(n.oldest_id, excluded.oldest_id), created_at = greatest(n.created_at, excluded.created_at)
RETURNING {COLUMNS}
"""
LIST = f"""
SELECT {COLUMNS} FROM notifications WHERE user_id = %(user_id)s
ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
"""
LIST_UNREAD = f"""
SELECT {COLUMNS} FROM notifications WHERE user_id = %(user_id)s AND NOT is_read
ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
"""
COUNT_UNREAD = "SELECT count(*) FROM notifications WHERE user_id = %(user_id)s AND NOT is_read"
FIND = f"SELECT {COLUMNS} FROM notifications WHERE id = %(id)s AND user_id = %(user_id)s"
READ = "UPDATE notifications SET is_read = true WHERE id = %(id)s AND user_id = %(user_id)s AND NOT is_read"
READ_ALL = "UPDATE notifications SET is_read = true WHERE user_id = %(user_id)s AND NOT is_read"
DELETE = "DELETE FROM notifications WHERE id = %(id)s AND user_id = %(user_id)s"

READ_THREAD = """
UPDATE notifications SET is_read = true
WHERE user_id = %(user_id)s AND fold_key = %(fold_key)s AND NOT is_read AND newest_id <= %(read_up_to)s
RETURNING id
"""
FOLDED = """
SELECT id, folded, about_name, folded = 1 OR newest_id <= %(read_up_to)s::bigint AS is_over FROM notifications
WHERE user_id = %(user_id)s AND fold_key = %(fold_key)s AND NOT is_read
  AND (%(message_id)s::bigint BETWEEN coalesce(oldest_id, newest_id) AND newest_id OR newest_id <= %(read_up_to)s::bigint)
FOR UPDATE
"""
UNFOLD = f"""
UPDATE notifications SET folded = folded - 1, message = %(message)s, anonymous = %(anonymous)s,
  data = data || jsonb_build_object('count', folded - 1)
WHERE id = %(id)s RETURNING {COLUMNS}
"""

# Both directions, always in the same order, so that two people writing to each other wait instead of dying of a deadlock. The
# rows stay locked until commit: a message, and the news that it was read, may be in work at the same time.
MEET = """
INSERT INTO threads AS t (user_id, other_id)
SELECT * FROM (VALUES (%(one)s::bigint, %(other)s::bigint), (%(other)s, %(one)s)) AS pair (user_id, other_id) ORDER BY user_id
ON CONFLICT (user_id, other_id) DO UPDATE SET read_up_to = t.read_up_to
RETURNING user_id, read_up_to, told, EXISTS (SELECT FROM people p WHERE p.id = t.user_id AND p.is_purged) AS is_purged
"""
HAS_READ = """
UPDATE threads SET read_up_to = greatest(read_up_to, %(read_up_to)s) WHERE user_id = %(user_id)s AND other_id = %(other_id)s
"""
# One statement, since it is run for every message: to each the place told last, the edit noted before, and who waits behind.
HAS_TOLD = """
WITH told AS (
  UPDATE threads SET told = greatest(told, %(position)s::bigint)
  WHERE (user_id, other_id) IN ((%(low_id)s::bigint, %(high_id)s::bigint), (%(high_id)s::bigint, %(low_id)s::bigint))
), following AS (
  DELETE FROM early_messages
  WHERE low_id = %(low_id)s::bigint AND high_id = %(high_id)s::bigint AND position = %(position)s::bigint + 1
  RETURNING event
)
SELECT e.message_id IS NOT NULL AS is_edited, e.message, f.event AS following
FROM (SELECT %(message_id)s::bigint AS id) AS m LEFT JOIN edits e ON e.message_id = m.id LEFT JOIN following f ON true
"""
HOLD = """
INSERT INTO early_messages (low_id, high_id, position, event) VALUES (%(low_id)s, %(high_id)s, %(position)s, %(event)s)
ON CONFLICT DO NOTHING
"""
TAKE_EARLIEST = """
DELETE FROM early_messages WHERE low_id = %(low_id)s AND high_id = %(high_id)s AND position = (
  SELECT min(position) FROM early_messages WHERE low_id = %(low_id)s AND high_id = %(high_id)s
  HAVING min(held_at) < now() - %(patience)s::interval)
RETURNING event
"""
WAITED_TOO_LONG = """
SELECT low_id, high_id FROM early_messages WHERE held_at < now() - %(patience)s::interval ORDER BY held_at LIMIT 1
"""

# A deletion is the last of a message, whatever comes after it.
NOTE_EDIT = """
INSERT INTO edits AS e (message_id, sender_id, message, edited_at)
VALUES (%(message_id)s, %(sender_id)s, %(message)s, %(edited_at)s)
ON CONFLICT (message_id) DO UPDATE SET message = excluded.message, edited_at = excluded.edited_at, noted_at = now()
WHERE e.message IS NOT NULL AND (excluded.message IS NULL OR e.edited_at < excluded.edited_at)
"""
# Eight days: as long as an event may be said again.
FORGET_EDITS = """
DELETE FROM edits WHERE noted_at < now() - interval '8 days' AND message_id = ANY(ARRAY(
  SELECT message_id FROM edits WHERE noted_at < now() - interval '8 days' ORDER BY noted_at LIMIT %(batch)s))
"""
# Found as text first, with a space where it was reworded before: reading all that two people were told in a day as JSON is slow.
REWORD_LOG = """
WITH found AS MATERIALIZED (
  SELECT user_id, event_id, body::jsonb AS said FROM live_messages
  WHERE user_id = ANY(%(user_ids)s::bigint[])
    AND strpos(replace(body, '"message_id": ', '"message_id":'), '"message_id":' || %(message_id)s::bigint) > 0
)
UPDATE live_messages l SET body = (f.said || jsonb_build_object('message', coalesce(%(message)s::text, ''))
  || CASE WHEN %(message)s::text IS NULL THEN '{"attachment_id": null, "attachment_name": null}'::jsonb ELSE '{}' END)::text
FROM found f
WHERE l.user_id = f.user_id AND l.event_id = f.event_id AND f.said ->> 'type' IN ('new_message', 'message_sent', 'message_edited')
  AND (f.said ->> 'message_id')::bigint = %(message_id)s::bigint
"""

# Both lock the booking until commit, so that of two events in work at once the second sees the first. A reminder has the version
# of the move before it, whose own event may come later.
BOOKING_MOVED = """
INSERT INTO booking_moves AS b (booking_id, version) VALUES (%(booking_id)s, %(version)s)
ON CONFLICT (booking_id) DO UPDATE SET version = excluded.version WHERE b.version < excluded.version
"""
BOOKING_IS_STILL = """
INSERT INTO booking_moves AS b (booking_id, version) VALUES (%(booking_id)s, %(version)s - 1)
ON CONFLICT (booking_id) DO UPDATE SET version = b.version WHERE b.version <= %(version)s
"""

REMEMBER_BLOCK = """
INSERT INTO blocks AS b (blocker_id, blocked_id, is_blocked, changed_at)
VALUES (%(blocker_id)s, %(blocked_id)s, %(is_blocked)s, %(changed_at)s)
ON CONFLICT (blocker_id, blocked_id) DO UPDATE SET is_blocked = excluded.is_blocked, changed_at = excluded.changed_at
WHERE b.changed_at < excluded.changed_at
"""
IS_BLOCKED = """
SELECT EXISTS (SELECT FROM blocks WHERE is_blocked AND (blocker_id, blocked_id) IN
  ((%(user_id)s::bigint, %(other_id)s::bigint), (%(other_id)s::bigint, %(user_id)s::bigint)))
"""
# Neither has blocked the other; `t` is a row of threads.
NOT_BLOCKED = """NOT EXISTS (SELECT FROM blocks b WHERE b.is_blocked
  AND (b.blocker_id = t.user_id AND b.blocked_id = t.other_id OR b.blocker_id = t.other_id AND b.blocked_id = t.user_id))"""
HAVE_MET = f"""
SELECT EXISTS (SELECT FROM threads t WHERE t.user_id = %(user_id)s AND t.other_id = %(other_id)s AND {NOT_BLOCKED})
"""

# The heads are locked in the order of `user_id` and kept until commit: numbers have no holes and follow the order of commits,
# so that "everything after number n" never misses a transaction that commits late.
LOG = """
WITH given AS (
  SELECT * FROM unnest(%(user_ids)s::bigint[], %(bodies)s::text[]) WITH ORDINALITY AS given (user_id, body, position)
), heads AS (
  INSERT INTO live_heads AS h (user_id, last)
  SELECT user_id, count(*) FROM given GROUP BY user_id ORDER BY user_id
  ON CONFLICT (user_id) DO UPDATE SET last = h.last + excluded.last
  RETURNING user_id, last
)
INSERT INTO live_messages (user_id, event_id, body)
SELECT given.user_id, heads.last - row_number() OVER (PARTITION BY given.user_id ORDER BY position DESC) + 1, given.body
FROM given JOIN heads USING (user_id) ORDER BY given.user_id, position
RETURNING user_id, event_id
"""
HEAD = "SELECT last FROM live_heads WHERE user_id = %(user_id)s"
HEADS = "SELECT user_id, last AS event_id FROM live_heads WHERE user_id = ANY(%(user_ids)s::bigint[])"
LIVE_AFTER = """
SELECT event_id, body FROM live_messages WHERE user_id = %(user_id)s AND event_id > %(after)s ORDER BY event_id LIMIT %(limit)s
"""
FORGET_LIVE = """
WITH old AS MATERIALIZED (
  SELECT user_id, event_id FROM live_messages WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT %(batch)s
)
DELETE FROM live_messages m USING old WHERE (m.user_id, m.event_id) = (old.user_id, old.event_id)
"""

FORGET_NOTIFICATIONS = "DELETE FROM notifications WHERE user_id = %(id)s"
# Before there was `anonymous`, only the name was taken out.
FORGET_NAME = """
UPDATE notifications SET message = coalesce(anonymous, replace(message, about_name, 'Deleted user')), about_name = NULL
WHERE about_id = %(id)s AND about_name <> ''
"""
FORGET_DELIVERIES = "DELETE FROM deliveries WHERE user_id = %(id)s"
FORGET_LOG = "DELETE FROM live_messages WHERE user_id = %(id)s"
FORGET_WRITINGS = """
DELETE FROM live_messages l USING threads t
WHERE t.user_id = %(id)s AND l.user_id = t.other_id AND (l.body::jsonb ->> 'sender_id')::bigint = %(id)s
"""
FORGET_EARLY = "DELETE FROM early_messages WHERE low_id = %(id)s OR high_id = %(id)s"
FORGET_EDITS_OF = "DELETE FROM edits WHERE sender_id = %(id)s"
FORGET_BLOCKS = "DELETE FROM blocks WHERE blocker_id = %(id)s OR blocked_id = %(id)s"
FORGET_OTHER_SIDES = """
DELETE FROM threads WHERE other_id = %(id)s AND user_id IN (SELECT other_id FROM threads WHERE user_id = %(id)s)
"""
FORGET_THREADS = "DELETE FROM threads WHERE user_id = %(id)s"
# In this order. What the log of other people still says of this one is gone with the log, within a day.
FORGET_PERSON = (
    FORGET_NOTIFICATIONS,
    FORGET_NAME,
    FORGET_DELIVERIES,
    FORGET_LOG,
    FORGET_WRITINGS,
    FORGET_EARLY,
    FORGET_EDITS_OF,
    FORGET_BLOCKS,
    FORGET_OTHER_SIDES,
    FORGET_THREADS,
)
