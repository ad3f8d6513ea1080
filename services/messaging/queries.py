"""SQL of the messaging service, and the rows it yields."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    name: str
    email: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    sender_id: int
    recipient_id: int
    text: str
    booking_id: int | None
    created_at: datetime
    read_at: datetime | None
    edited_at: datetime | None
    deleted_at: datetime | None
    position: int
    attachment_id: int | None = None
    attachment_name: str | None = None
    attachment_type: str | None = None
    attachment_size: int | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    other_id: int
    other_name: str
    other_avatar: str
    unread_count: int
    message_id: int
    sender_id: int
    text: str
    created_at: datetime
    deleted_at: datetime | None
    attachment_name: str | None


@dataclass(frozen=True, slots=True)
class Found(Message):
    """A message that a search found, and who is on the other side of it."""

    other_id: int = 0
    other_name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    content_type: str
    object_name: str
    size: int


@dataclass(frozen=True, slots=True)
class Block:
    user_id: int
    name: str
    avatar_url: str
    created_at: datetime


COLUMNS = """m.id, m.sender_id, m.recipient_id, m.text, m.booking_id, m.created_at, m.read_at, m.edited_at, m.deleted_at,
  m.position"""
WITH_ATTACHMENT = f"""{COLUMNS},
  a.id AS attachment_id, a.name AS attachment_name, a.content_type AS attachment_type, a.size AS attachment_size"""

# Replicas. A lower version is older news that came late.
REMEMBER_PERSON = """
INSERT INTO people (id, version, name, email, avatar_url, is_active)
VALUES (%(id)s, %(version)s, %(name)s, %(email)s, %(avatar_url)s, %(is_active)s)
ON CONFLICT (id) DO UPDATE SET version = excluded.version, name = excluded.name, email = excluded.email,
  avatar_url = excluded.avatar_url, is_active = excluded.is_active
WHERE people.version < excluded.version
"""
REMEMBER_BOOKING = """
INSERT INTO bookings (id, version, student_id, tutor_user_id)
VALUES (%(id)s, %(version)s, %(student_id)s, %(tutor_user_id)s)
ON CONFLICT (id) DO UPDATE SET version = excluded.version, student_id = excluded.student_id,
  tutor_user_id = excluded.tutor_user_id
WHERE bookings.version < excluded.version
"""
PERSON = "SELECT id, name, email, is_active FROM people WHERE id = %(id)s"
IS_BOOKING_OF = """
SELECT EXISTS (
  SELECT FROM bookings WHERE id = %(id)s
    AND (student_id, tutor_user_id) IN ((%(one)s::bigint, %(other)s::bigint), (%(other)s::bigint, %(one)s::bigint))
)
"""

# Both thread rows are taken in the order of `owner_id`, so that two people writing to each other wait instead of dying of a
# deadlock; the row locks number the messages, and time never goes back within a pair.
SEND = f"""
WITH sides AS (
  INSERT INTO threads (owner_id, other_id, message_count, unread_count, last_message_at)
  SELECT owner_id, other_id, 1, unread, %(now)s::timestamptz
  FROM (VALUES (%(sender_id)s::bigint, %(recipient_id)s::bigint, 0), (%(recipient_id)s, %(sender_id)s, 1))
    AS side (owner_id, other_id, unread)
  ORDER BY owner_id
  ON CONFLICT (owner_id, other_id) DO UPDATE SET message_count = threads.message_count + 1,
    unread_count = threads.unread_count + excluded.unread_count,
    last_message_at = greatest(threads.last_message_at, excluded.last_message_at)
  RETURNING message_count, last_message_at
)
INSERT INTO messages AS m (sender_id, recipient_id, position, text, booking_id, created_at)
SELECT %(sender_id)s::bigint, %(recipient_id)s::bigint, max(message_count), %(text)s::text, %(booking_id)s::bigint,
  max(last_message_at)
FROM sides
RETURNING {COLUMNS}
"""

# The page is cut first, then each of its threads finds its last message by one index lookup. The owner is a range of one, unknown
# while planning: with `owner_id = …` the planner counts on the few threads that most people have, and so reads and sorts all of
# the ten thousand that somebody has, instead of the first few in the order of the index.
THREADS = """
SELECT t.other_id, p.name AS other_name, p.avatar_url AS other_avatar, t.unread_count,
  m.id AS message_id, m.sender_id, m.text, m.created_at, m.deleted_at, a.name AS attachment_name
FROM (
  SELECT owner_id, other_id, unread_count, message_count, last_message_at FROM threads
  WHERE owner_id BETWEEN (SELECT %(owner_id)s::bigint) AND (SELECT %(owner_id)s::bigint)
  ORDER BY owner_id, last_message_at DESC, other_id LIMIT %(limit)s OFFSET %(offset)s
) AS t
JOIN people p ON p.id = t.other_id
JOIN messages m ON m.low_id = least(t.owner_id, t.other_id) AND m.high_id = greatest(t.owner_id, t.other_id)
  AND m.position = t.message_count
LEFT JOIN attachments a ON a.message_id = m.id
ORDER BY t.last_message_at DESC, t.other_id
"""
MESSAGE_COUNT = "SELECT message_count FROM threads WHERE owner_id = %(owner_id)s AND other_id = %(other_id)s"
CONVERSATION = f"""
SELECT {WITH_ATTACHMENT} FROM messages m LEFT JOIN attachments a ON a.message_id = m.id
WHERE m.low_id = least(%(one)s::bigint, %(other)s::bigint) AND m.high_id = greatest(%(one)s::bigint, %(other)s::bigint)
  AND m.position BETWEEN %(first)s::bigint AND %(last)s::bigint
ORDER BY m.position
"""
UNREAD_COUNT = "SELECT coalesce(sum(unread_count), 0)::bigint FROM threads WHERE owner_id = %(owner_id)s AND unread_count > 0"

MESSAGE = f"SELECT {WITH_ATTACHMENT} FROM messages m LEFT JOIN attachments a ON a.message_id = m.id WHERE m.id = %(id)s::bigint"

# Everything that changes an unread count first locks the recipient's side, so that it is exact whoever writes meanwhile.
LOCK_SIDE = "SELECT FROM threads WHERE owner_id = %(owner_id)s::bigint AND other_id = %(other_id)s::bigint FOR UPDATE"
MARK_READ = "UPDATE messages SET read_at = %(now)s WHERE id = %(id)s AND read_at IS NULL AND deleted_at IS NULL"
MARK_ALL_READ = """
UPDATE messages SET read_at = %(now)s
WHERE recipient_id = %(owner_id)s::bigint AND sender_id = %(other_id)s::bigint AND read_at IS NULL AND deleted_at IS NULL
RETURNING id
"""
ONE_LESS_UNREAD = """
UPDATE threads SET unread_count = unread_count - 1 WHERE owner_id = %(owner_id)s::bigint AND other_id = %(other_id)s::bigint
RETURNING unread_count
"""
LAST_ID = """
SELECT m.id FROM threads t JOIN messages m ON m.low_id = least(t.owner_id, t.other_id)
  AND m.high_id = greatest(t.owner_id, t.other_id) AND m.position = t.message_count
WHERE t.owner_id = %(owner_id)s::bigint AND t.other_id = %(other_id)s::bigint
"""
NONE_UNREAD = "UPDATE threads SET unread_count = 0 WHERE owner_id = %(owner_id)s::bigint AND other_id = %(other_id)s::bigint"

# Whoever hears of two edits tells the last by this time: it never goes back, whichever clocks the requests came by.
EDIT = f"""
UPDATE messages AS m SET text = %(text)s, edited_at = greatest(%(now)s, edited_at + interval '1 microsecond')
WHERE id = %(id)s AND deleted_at IS NULL RETURNING {COLUMNS}
"""
DELETE = f"""
UPDATE messages AS m SET text = '', deleted_at = %(now)s WHERE id = %(id)s AND deleted_at IS NULL RETURNING {COLUMNS}
"""

# What a repeated request with the same Idempotency-Key would be answered.
REWORD_ANSWER = """
UPDATE idempotency_keys SET answer = answer || %(changes)s::jsonb
WHERE user_id = %(sender_id)s AND (answer ->> 'id')::bigint = %(id)s
"""

# Words are found in one of two ways. By their index, every message that has them is looked at: quick, unless they are common.
# Then from the newest message back, until there are enough: CASE keeps the words from their index, and the planner from thinking
# that hardly any message meets the condition, which would have it read and sort them all.
_INDEXED = """
FROM messages m
WHERE ARRAY[m.low_id, m.high_id] @> %(mine)s::bigint[] AND m.text ILIKE %(longest)s::text AND m.text ILIKE ALL (%(all)s::text[])
"""
_MEETS = """
CASE WHEN coalesce(%(other_id)s::bigint IN (low_id, high_id), true) AND text ILIKE ALL (%(all)s::text[]) THEN true END
"""
_NEWEST = f"""
FROM (
  (SELECT * FROM messages WHERE low_id = %(user_id)s::bigint AND {_MEETS} ORDER BY id DESC LIMIT %(most)s)
  UNION ALL
  (SELECT * FROM messages WHERE high_id = %(user_id)s::bigint AND {_MEETS} ORDER BY id DESC LIMIT %(most)s)
) AS m
"""
# Of the newest messages, how many have the words.
LATELY_FOUND = """
SELECT count(*) FROM (
  (SELECT * FROM messages WHERE low_id = %(user_id)s::bigint ORDER BY id DESC LIMIT %(lately)s)
  UNION ALL
  (SELECT * FROM messages WHERE high_id = %(user_id)s::bigint ORDER BY id DESC LIMIT %(lately)s)
) AS m
WHERE ARRAY[m.low_id, m.high_id] @> %(mine)s::bigint[] AND m.text ILIKE ALL (%(all)s::text[])
"""


def _count(found: LiteralString) -> LiteralString:
    return f"SELECT count(*) FROM (SELECT {found} LIMIT %(most)s) AS counted"


def _search(found: LiteralString) -> LiteralString:
    """The page is cut first, then shown."""
    return f"""
    SELECT {WITH_ATTACHMENT}, p.id AS other_id, p.name AS other_name
    FROM (SELECT m.* {found} ORDER BY m.id DESC LIMIT %(limit)s OFFSET %(offset)s) AS m
    JOIN people p ON p.id = CASE %(user_id)s::bigint WHEN m.sender_id THEN m.recipient_id ELSE m.sender_id END
    LEFT JOIN attachments a ON a.message_id = m.id
    ORDER BY m.id DESC
    """


COUNT_INDEXED, COUNT_NEWEST = _count(_INDEXED), _count(_NEWEST)
SEARCH_INDEXED, SEARCH_NEWEST = _search(_INDEXED), _search(_NEWEST)

ATTACHMENT = """
SELECT a.name, a.content_type, a.object_name, a.size FROM attachments a JOIN messages m ON m.id = a.message_id
WHERE a.id = %(id)s::bigint AND %(user_id)s::bigint IN (m.sender_id, m.recipient_id) AND m.deleted_at IS NULL
"""
ATTACH = """
INSERT INTO attachments (message_id, name, content_type, size, object_name)
VALUES (%(message_id)s, %(name)s, %(content_type)s, %(size)s, %(object_name)s)
"""
DETACH = """
WITH gone AS (DELETE FROM attachments WHERE message_id = %(message_id)s RETURNING object_name)
INSERT INTO doomed_files (object_name, due_at) SELECT object_name, now() FROM gone
"""
DOOM_FILE = "INSERT INTO doomed_files (object_name, due_at) VALUES (%(object_name)s, now() + %(patience)s::interval)"
SPARE_FILE = "DELETE FROM doomed_files WHERE object_name = %(object_name)s"
POSTPONE_FILE = "UPDATE doomed_files SET due_at = now() + %(pause)s::interval WHERE object_name = %(object_name)s"
DUE_FILES = "SELECT object_name FROM doomed_files WHERE due_at <= now() ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED"

# Who writes and who blocks wait for each other, so that nothing is written after the answer to a block. Writing does not exclude
# writing here: the rows of the thread number the messages. Blocks and their ends are told in the order of the times drawn under
# the lock, by the one clock that all processes have in common.
_PAIR = """hashtextextended(concat_ws(' ', 'pair',
  least(%(one)s::bigint, %(other)s::bigint), greatest(%(one)s::bigint, %(other)s::bigint)), 0)"""
WRITING = f"SELECT pg_advisory_xact_lock_shared({_PAIR})"
BLOCKING = f"SELECT pg_advisory_xact_lock({_PAIR})"
# With what is known of both: to write is asked for far more often than anything else here.
CORRESPONDENTS = f"""
SELECT p.id, p.name, p.email, p.is_active
FROM ({WRITING}) AS writing LEFT JOIN people p ON p.id IN (%(one)s::bigint, %(other)s::bigint)
"""
BLOCK = """
INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES (%(blocker_id)s, %(blocked_id)s, clock_timestamp())
ON CONFLICT DO NOTHING RETURNING created_at
"""
UNBLOCK = """
DELETE FROM blocks WHERE blocker_id = %(blocker_id)s AND blocked_id = %(blocked_id)s
RETURNING greatest(clock_timestamp(), created_at + interval '1 microsecond')
"""
_BLOCK = "SELECT p.id AS user_id, p.name, p.avatar_url, b.created_at FROM blocks b JOIN people p ON p.id = b.blocked_id"
BLOCK_OF = f"{_BLOCK} WHERE b.blocker_id = %(blocker_id)s AND b.blocked_id = %(blocked_id)s"
BLOCKS = f"""
{_BLOCK} WHERE b.blocker_id = %(blocker_id)s ORDER BY b.created_at DESC, b.blocked_id LIMIT %(limit)s OFFSET %(offset)s
"""
# Locked, so that whoever lifts one does so after the time at which it is said again.
BLOCKS_AFTER = """
SELECT blocker_id, blocked_id, now() AS changed_at FROM blocks
WHERE (blocker_id, blocked_id) > (%(blocker_id)s::bigint, %(blocked_id)s::bigint)
ORDER BY blocker_id, blocked_id LIMIT %(batch)s FOR UPDATE
"""
BLOCKS_OF = """
SELECT blocker_id, blocked_id, now() AS changed_at FROM blocks
WHERE blocker_id = ANY(%(ids)s::bigint[]) ORDER BY blocker_id, blocked_id FOR UPDATE
"""
BLOCKER = """
SELECT blocker_id FROM blocks
WHERE (blocker_id, blocked_id) IN ((%(one)s::bigint, %(other)s::bigint), (%(other)s::bigint, %(one)s::bigint))
ORDER BY blocker_id = %(one)s::bigint LIMIT 1
"""
