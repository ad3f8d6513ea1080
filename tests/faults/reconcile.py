"""What must hold when the storm is over: looked up in the databases, the stream and the queues, not asked of the services."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import aio_pika
import psycopg
from psycopg.rows import dict_row

from deploy.local.databases import url_for
from deploy.local.processes import SERVICES
from deploy.local.servers import Urls
from services.notifications import rules
from shared import broker
from shared.dead_letters import DeadLetters
from shared.events.base import Envelope, Event
from shared.events.bookings import (
    BOOKING_EVENTS,
    BookingEvent,
    BookingSnapshot,
    PackagePurchased,
    PaymentRecorded,
    PurchaseChanged,
)
from shared.events.messaging import MessageSent
from shared.service import find
from tests.e2e.conftest import Mailbox
from tests.faults.traffic import Promises

OVERLAPS = """
SELECT a.id, b.id AS other FROM bookings a JOIN bookings b
ON a.id < b.id AND (a.tutor_id = b.tutor_id OR a.student_id = b.student_id)
AND tstzrange(a.start_at, a.end_at) && tstzrange(b.start_at, b.end_at)
WHERE a.status IN ('PENDING', 'CONFIRMED') AND b.status IN ('PENDING', 'CONFIRMED')
"""
CREDITS = """
SELECT p.id, p.session_count, p.credits_remaining, count(b.id) FILTER (WHERE b.status NOT IN ('CANCELLED', 'DECLINED')) AS used
FROM purchases p LEFT JOIN bookings b ON b.purchase_id = p.id GROUP BY p.id
"""
OWED = """
SELECT b.id, b.status, b.price, b.refunded, coalesce(sum(l.amount), 0) AS owed,
  count(l.id) FILTER (WHERE l.kind = 'charge') AS charges
FROM bookings b LEFT JOIN ledger l ON l.booking_id = b.id GROUP BY b.id
"""
UNDONE = {  # besides what waits in outboxes and queues
    "bookings": "SELECT 1 FROM ledger WHERE settled_at IS NULL LIMIT 1",
    "notifications": "SELECT 1 FROM deliveries WHERE status = 'waiting' AND next_at <= now() LIMIT 1",
}
# Without those whose time has not come yet: mails of messages wait for their being read.
DELIVERIES = """
SELECT event_id, user_id, status FROM deliveries WHERE NOT (status = 'waiting' AND attempts = 0 AND next_at > now())
"""
TOLD = "SELECT event_id, user_id, kind, folded, fold_key FROM notifications"
SENT = "SELECT id, sender_id, recipient_id FROM messages"


class Books:
    """The databases of a running suite, and its broker."""

    def __init__(self, urls: Urls) -> None:
        self._urls = urls

    def rows(self, service: str, sql: str) -> list[dict[str, Any]]:
        with psycopg.connect(url_for(self._urls.postgres, f"edustream_{service}"), row_factory=dict_row) as connection:
            return connection.execute(sql.encode()).fetchall()

    def column(self, service: str, sql: str) -> set[Any]:
        return {next(iter(row.values())) for row in self.rows(service, sql)}

    async def quiet(self) -> bool:
        """Nothing waits anywhere: neither in an outbox nor in a queue, no payment and no letter."""
        if any(self.rows(service, sql) for service, sql in UNDONE.items()):
            return False
        if any(self.rows(service, "SELECT 1 FROM outbox LIMIT 1") for service in SERVICES):
            return False
        async with DeadLetters.at(self._urls.amqp) as letters:
            return not any([await letters.waiting(service) for service in SERVICES])

    async def dead(self) -> dict[str, int]:
        async with DeadLetters.at(self._urls.amqp) as letters:
            return {service: count for service in SERVICES if (count := await letters.count(service))}

    async def said(self) -> list[Envelope]:
        """Every public event there has been, once, though the stream may have it several times."""
        async with await aio_pika.connect(self._urls.amqp) as connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=500)
            stream = await channel.get_queue(broker.LOG)
            found: dict[str, Envelope] = {}
            async with stream.iterator(arguments={"x-stream-offset": "first"}, timeout=3) as messages:
                try:
                    async for message in messages:
                        await message.ack()
                        envelope = Envelope.model_validate_json(message.body)
                        found[str(envelope.id)] = envelope
                except TimeoutError:
                    pass  # its end
        return list(found.values())


def promises_are_kept(books: Books, promises: Promises) -> None:
    """Every write that was answered with success is there."""
    assert set(promises.bookings) <= books.column("bookings", "SELECT id FROM bookings")
    assert len(set(promises.bookings)) == len(promises.bookings), "two requests got one booking"
    moved = {(row["booking_id"], row["status"]) for row in books.rows("bookings", "SELECT booking_id, status FROM booking_moves")}
    assert set(promises.moves) <= moved
    assert set(promises.purchases) == books.column("bookings", "SELECT id FROM purchases")
    assert set(promises.messages) == books.column("messaging", "SELECT id FROM messages")
    assert set(promises.registered) <= books.column("auth", "SELECT email::text FROM accounts")
    phones = {row["id"]: row["phone"] for row in books.rows("auth", "SELECT id, phone FROM accounts")}
    assert {user: phones[user] for user in promises.phones} == promises.phones


def nothing_was_done_twice(books: Books, promises: Promises) -> None:
    """No request made two bookings, and no two bookings hold one slot."""
    assert books.column("bookings", "SELECT id FROM bookings") == set(promises.bookings)
    assert books.rows("bookings", OVERLAPS) == []


def credits_add_up(books: Books) -> None:
    for purchase in books.rows("bookings", CREDITS):
        assert purchase["credits_remaining"] == purchase["session_count"] - purchase["used"], purchase


def money_adds_up(books: Books) -> None:
    """A lesson was charged once, and what is owed for it is its price, or nothing when it was called off, days ahead."""
    for row in books.rows("bookings", OWED):
        is_off = row["status"] in ("CANCELLED", "DECLINED")
        assert row["owed"] == row["price"] - row["refunded"] == (0 if is_off else row["price"]), row
        assert row["charges"] == bool(row["price"]), row


def letters_left_once(books: Books, mailbox: Mailbox, faults: int) -> None:
    """No mail came twice, those that are marked sent came, and a fault interrupted one at most."""
    came = Counter(mail["Message-ID"].strip("<>").rpartition("@")[0] for mail in mailbox.mails)
    assert [letter for letter, count in came.items() if count > 1] == []
    status = {f"{row['event_id']}.{row['user_id']}": row["status"] for row in books.rows("notifications", DELIVERIES)}
    assert {letter for letter, found in status.items() if found == "sent"} <= came.keys() <= status.keys()
    assert sum(found in ("waiting", "handed_over", "unknown") for found in status.values()) <= faults, Counter(status.values())
    assert "refused" not in status.values()


def everything_was_said_once(books: Books, said: list[Envelope]) -> None:
    """Each change of a lesson or a purchase, each payment and each message has exactly one event."""
    moves = Counter(_data(said, [kind for kind in BOOKING_EVENTS if kind is not BookingSnapshot], "booking_id", "version"))
    assert moves == Counter(_pairs(books.rows("bookings", "SELECT booking_id, version FROM booking_moves")))
    purchases = Counter(_data(said, [PackagePurchased, PurchaseChanged], "purchase_id", "version"))
    versions = "SELECT id, generate_series(1, version) FROM purchases"
    assert purchases == Counter(_pairs(books.rows("bookings", versions)))
    payments = Counter(_data(said, [PaymentRecorded], "entry_id", "amount"))
    assert payments == Counter(_pairs(books.rows("bookings", "SELECT id, abs(amount) FROM ledger")))
    messages = Counter(_data(said, [MessageSent], "message_id", "sender_id"))
    assert messages == Counter(_pairs(books.rows("messaging", SENT)))


def everything_was_heard_once(books: Books, said: list[Envelope]) -> None:
    """Each subscriber's inbox has each event that concerns it: the row is of the transaction that had the effect, and unique."""
    for service in SERVICES:
        wanted = {envelope.id for envelope in said if envelope.type in find(service).subscriptions.kinds}
        heard = books.column(service, "SELECT event_id FROM inbox")
        assert wanted <= heard, f"{service} never heard {len(wanted - heard)} of {len(wanted)}"


def everybody_was_told_once(books: Books, said: list[Envelope]) -> None:
    """One notification for each event and person concerned; those of messages are folded, and count."""
    told = books.rows("notifications", TOLD)
    kinds = {kind.type: kind for kind in BOOKING_EVENTS}
    expected: Counter[tuple[Any, int]] = Counter()
    for envelope in said:
        if envelope.type in kinds:
            event = cast("BookingEvent", envelope.event(kinds[envelope.type]))
            expected.update((envelope.id, notice.user_id) for notice in rules.of_booking(event))
    assert Counter((row["event_id"], row["user_id"]) for row in told if row["kind"].startswith("booking_")) == expected
    folded: Counter[tuple[int, str]] = Counter()
    for row in told:
        if row["kind"] == "new_message":
            folded[row["user_id"], row["fold_key"]] += row["folded"]
    sent = books.rows("messaging", SENT)
    assert folded == Counter((row["recipient_id"], rules.thread_key(row["sender_id"])) for row in sent)


def _data(said: Iterable[Envelope], kinds: Iterable[type[Event]], *fields: str) -> Iterable[tuple[Any, ...]]:
    types = {kind.type: kind for kind in kinds}
    for envelope in said:
        if envelope.type in types:
            event = envelope.event(types[envelope.type])
            yield tuple(getattr(event, field) for field in fields)


def _pairs(rows: Iterable[dict[str, Any]]) -> Iterable[tuple[Any, ...]]:
    for row in rows:
        yield tuple(row.values())[:2]
