"""Random histories of a platform, and what they come to, reckoned the plain way."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.events import bookings as b
from shared.events.auth import AuthAudited, UserChanged, UserRegistered
from shared.events.base import Event
from shared.events.profiles import SubjectChanged, TutorChanged
from tests.services.reporting.people import ADMIN, NOW, booking, purchase, tutor, user

STATUSES = ["PENDING", "CONFIRMED", "DECLINED", "CANCELLED", "EXPIRED", "COMPLETED", "NO_SHOW_STUDENT", "NO_SHOW_TUTOR"]
CURRENCIES = ["USD", "EUR", "JPY", "XAF"]  # for the last there is no rate
IDS = ("booking_id", "purchase_id", "tutor_id", "user_id")  # of what an event is about, the first that it has


def events(seed: int, count: int) -> list[Event]:
    """A shuffled history: many versions of some aggregates, later ones often before earlier ones."""
    chance = random.Random(seed)
    versions: Counter[tuple[str, int]] = Counter()
    births: dict[tuple[str, int], datetime] = {}
    made: list[Event] = []
    for _ in range(count):
        kind = chance.choice(["user", "user", "tutor", "subject", "booking", "booking", "booking", "purchase", "act"])
        key = kind, chance.randint(1, max(count // 8, 3))
        versions[key] += 1
        born = births.setdefault(key, NOW - timedelta(days=chance.randint(0, 300), seconds=chance.randint(0, 90_000)))
        made.append(_event(chance, kind, key[1], versions[key], born))
    chance.shuffle(made)
    return made


def _event(chance: random.Random, kind: str, id_: int, version: int, born: datetime) -> Event:
    if kind == "user":
        deleted = min(born + timedelta(days=10), NOW) if chance.random() < 0.2 else None
        kind_of = UserRegistered if version == 1 else UserChanged
        role = "tutor" if id_ % 3 else "student"
        event: Event = user(id_, role, kind_of, version, created_at=born, deleted_at=deleted)
    elif kind == "tutor":
        status = chance.choice(["incomplete", "pending_approval", "approved", "rejected"])
        event = tutor(id_, status, version, is_active=chance.random() < 0.8)
    elif kind == "act":
        event = AuthAudited.of("user_updated", ADMIN, "user", id_, number=version)
    elif kind == "subject":
        event = SubjectChanged(subject_id=id_, version=version, name=f"Subject {id_}.{version}", category=None)
    elif kind == "purchase":
        kind_of_purchase = b.PackagePurchased if version == 1 else b.PurchaseChanged
        event = purchase(id_, kind_of_purchase, version, purchased_at=born, **_money(chance))
    else:
        status = "PENDING" if version == 1 else chance.choice(STATUSES)
        paid = id_ if id_ % 7 == 0 else None
        subject = id_ % 5 or None
        event = booking(id_, status, version=version, created_at=born, purchase_id=paid, subject_id=subject, **_money(chance))
    return event


def _money(chance: random.Random) -> dict[str, Any]:
    price = Decimal(chance.randint(100, 99_999)) / 100
    refunded = chance.choice([Decimal(0), Decimal(0), price, (price / 2).quantize(Decimal("0.01"))])
    return {"price": price, "refunded": refunded, "currency": chance.choice(CURRENCIES)}


def newest(history: Iterable[Event], *kinds: type[Any]) -> list[Any]:
    """The last state of each aggregate."""
    states: dict[int, Any] = {}
    for event in history:
        if isinstance(event, kinds):
            said: Any = event
            id_ = next(getattr(said, name) for name in IDS if hasattr(said, name))
            if id_ not in states or states[id_].version < said.version:
                states[id_] = said
    return list(states.values())


def expected_stats(history: list[Event]) -> dict[str, int]:
    users = [u for u in newest(history, UserRegistered, UserChanged) if u.deleted_at is None]
    tutors = newest(history, TutorChanged)
    return {
        "total_users": len(users),
        "total_tutors": sum(u.role == "tutor" for u in users),
        "total_students": sum(u.role == "student" for u in users),
        "pending_approvals": sum(t.status == "pending_approval" and t.is_active for t in tutors),
        "total_bookings": len(newest(history, b.BookingConfirmed)),
    }


def expected_growth(history: list[Event]) -> dict[str, tuple[int, int]]:
    """Month → accounts made and deleted in it."""
    users = newest(history, UserRegistered, UserChanged)
    made = Counter(u.created_at.strftime("%Y-%m") for u in users)
    deleted = Counter(u.deleted_at.strftime("%Y-%m") for u in users if u.deleted_at)
    return {month: (made[month], deleted[month]) for month in made.keys() | deleted.keys()}


def expected_states(history: list[Event]) -> dict[str, int]:
    return dict(Counter(lesson.status for lesson in newest(history, b.BookingConfirmed)))


def expected_subjects(history: list[Event]) -> dict[int | None, int]:
    return dict(Counter(lesson.subject_id for lesson in newest(history, b.BookingConfirmed)))


def expected_acts(history: list[Event]) -> Counter[int]:
    """Acts by whom they were done to."""
    return Counter(event.target_id for event in history if isinstance(event, AuthAudited) and event.target_id)


def expected_revenue(history: list[Event]) -> dict[str, dict[str, Decimal]]:
    """Month → currency → amount, without zeros."""
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for sold in newest(history, b.BookingConfirmed):
        if sold.status in ("CONFIRMED", "COMPLETED") and sold.purchase_id is None:
            sums[sold.created_at.strftime("%Y-%m")][sold.currency] += sold.price - sold.refunded
    for sold in newest(history, b.PackagePurchased, b.PurchaseChanged):
        sums[sold.purchased_at.strftime("%Y-%m")][sold.currency] += sold.price - sold.refunded
    return {month: {c: amount for c, amount in amounts.items() if amount} for month, amounts in sums.items()}
