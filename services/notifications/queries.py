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


COLUMNS = "id, user_id, kind, title, message, data, is_read, folded, created_at"

# What was so before comes back with what is so now: a change of `is_active` is something to tell.
REMEMBER_PERSON = """
WITH before AS (SELECT is_active FROM people WHERE id = %(id)s)
INSERT INTO people (id, version, email, first_name, timezone, is_active, is_purged, wants_email, wants_push, wants_sms)
VALUES (%(id)s, %(version)s, %(email)s, %(first_name)s, %(timezone)s, %(is_active)s, %(is_purged)s,
  %(wants_email)s, %(wants_push)s, %(wants_sms)s)
ON CONFLICT (id) DO UPDATE SET version = excluded.version, email = excluded.email, first_name = excluded.first_name,
  timezone = excluded.timezone, is_active = excluded.is_active, is_purged = excluded.is_purged,
  wants_email = excluded.wants_email, wants_push = excluded.wants_push, wants_sms = excluded.wants_sms
WHERE people.version < excluded.version
RETURNING (SELECT is_active FROM before) AS was_active
"""
PURGED = "SELECT id FROM people WHERE id = ANY(%(ids)s::bigint[]) AND is_purged"

ADD = f"""
INSERT INTO notifications AS n
  (user_id, event_id, kind, title, message, data, about_id, about_name, fold_key, newest_id, created_at)
VALUES (%(user_id)s, %(event_id)s, %(type)s, %(title)s, %(message)s, %(data)s::jsonb, %(about_id)s, %(about_name)s,
  %(fold_key)s, %(newest_id)s, %(created_at)s)
ON CONFLICT (user_id, fold_key) WHERE NOT is_read AND fold_key IS NOT NULL DO UPDATE SET
  folded = n.folded + 1, message = (n.folded + 1) || %(folded_message)s::text, about_name = excluded.about_name,
  data = excluded.data || jsonb_build_object('count', n.folded + 1),
  event_id = excluded.event_id, newest_id = greatest(n.newest_id, excluded.newest_id),
  created_at = greatest(n.created_at, excluded.created_at)
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
READ = f"UPDATE notifications SET is_read = true WHERE id = %(id)s AND user_id = %(user_id)s RETURNING {COLUMNS}"
READ_ALL = "UPDATE notifications SET is_read = true WHERE user_id = %(user_id)s AND NOT is_read"
DELETE = "DELETE FROM notifications WHERE id = %(id)s AND user_id = %(user_id)s"

READ_THREAD = """
UPDATE notifications SET is_read = true
WHERE user_id = %(user_id)s AND fold_key = %(fold_key)s AND NOT is_read AND newest_id <= %(read_up_to)s
"""

# Both directions, always in the same order, so that two people writing to each other wait instead of dying of a deadlock. The
# rows stay locked until commit: a message, and the news that it was read, may be in work at the same time.
MEET = """
INSERT INTO threads AS t (user_id, other_id)
SELECT * FROM (VALUES (%(one)s::bigint, %(other)s::bigint), (%(other)s, %(one)s)) AS pair (user_id, other_id) ORDER BY user_id
ON CONFLICT (user_id, other_id) DO UPDATE SET read_up_to = t.read_up_to
RETURNING user_id, read_up_to
"""
HAS_READ = """
UPDATE threads SET read_up_to = greatest(read_up_to, %(read_up_to)s) WHERE user_id = %(user_id)s AND other_id = %(other_id)s
"""
HAVE_MET = "SELECT EXISTS (SELECT FROM threads WHERE user_id = %(user_id)s AND other_id = %(other_id)s)"

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
DELETE FROM live_messages WHERE (user_id, event_id) IN (
  SELECT user_id, event_id FROM live_messages WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT 5000)
"""

FORGET_NOTIFICATIONS = "DELETE FROM notifications WHERE user_id = %(id)s"
FORGET_NAME = """
UPDATE notifications SET message = replace(message, about_name, 'Deleted user'), about_name = NULL
WHERE about_id = %(id)s AND about_name <> ''
"""
FORGET_DELIVERIES = "DELETE FROM deliveries WHERE user_id = %(id)s"
FORGET_LOG = "DELETE FROM live_messages WHERE user_id = %(id)s"
FORGET_WRITINGS = """
DELETE FROM live_messages l USING threads t
WHERE t.user_id = %(id)s AND l.user_id = t.other_id AND (l.body::jsonb ->> 'sender_id')::bigint = %(id)s
"""
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
    FORGET_OTHER_SIDES,
    FORGET_THREADS,
)
