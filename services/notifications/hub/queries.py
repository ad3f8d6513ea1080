"""SQL of presence, and the rows it yields."""

from dataclasses import dataclass

from services.notifications.queries import NOT_BLOCKED


@dataclass(frozen=True, slots=True)
class Told:
    """`other_id`, who is here, is to be told of `user_id`."""

    other_id: int
    user_id: int
    is_online: bool


# True when the row is new: a row that an UPDATE left has an xmax.
BEAT = """
INSERT INTO hubs (id) VALUES (%(id)s) ON CONFLICT (id) DO UPDATE SET beat_at = now()
RETURNING xmax = 0
"""
DEAD = "SELECT id FROM hubs WHERE beat_at < now() - interval '20 seconds' FOR UPDATE SKIP LOCKED"
PEOPLE_OF = "SELECT DISTINCT user_id FROM connected WHERE hub_id = ANY(%(hub_ids)s::uuid[]) ORDER BY user_id"
FORGET_HUBS = "DELETE FROM hubs WHERE id = ANY(%(hub_ids)s::uuid[])"
KNOW = "INSERT INTO presence (user_id) SELECT unnest(%(user_ids)s::bigint[]) ON CONFLICT DO NOTHING"
LOCK = "SELECT user_id FROM presence WHERE user_id = ANY(%(user_ids)s::bigint[]) ORDER BY user_id FOR UPDATE"
CAME = "INSERT INTO connected (hub_id, user_id) SELECT %(hub_id)s, unnest(%(user_ids)s::bigint[]) ON CONFLICT DO NOTHING"
WENT = "DELETE FROM connected WHERE hub_id = %(hub_id)s AND user_id = ANY(%(user_ids)s::bigint[])"
SETTLE = """
UPDATE presence AS p SET is_online = NOT p.is_online, version = p.version + 1
WHERE user_id = ANY(%(user_ids)s::bigint[]) AND is_online <> EXISTS (SELECT FROM connected c WHERE c.user_id = p.user_id)
RETURNING user_id, version, is_online
"""
TO_TELL = f"""
SELECT t.other_id, p.user_id, p.is_online FROM threads t JOIN presence p USING (user_id)
WHERE t.user_id = ANY(%(changed)s::bigint[]) AND t.other_id = ANY(%(here)s::bigint[]) AND {NOT_BLOCKED}
"""
ONLINE = f"""
SELECT p.user_id FROM threads t JOIN presence p ON p.user_id = t.other_id
WHERE t.user_id = %(user_id)s AND p.is_online AND {NOT_BLOCKED} ORDER BY p.user_id LIMIT 1000
"""
SAID_OF = """
SELECT user_id, version, is_online FROM presence WHERE user_id = ANY(%(user_ids)s::bigint[]) AND version > 0 ORDER BY user_id
"""
NEXT = """
SELECT user_id, version, is_online FROM presence WHERE user_id > %(after)s AND version > 0 ORDER BY user_id LIMIT %(batch)s
"""
