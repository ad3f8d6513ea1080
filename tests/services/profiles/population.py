"""Many tutors to search among, made by the actions themselves."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

from services.profiles.actions import accounts, catalogue, tutors
from services.profiles.actions.search import Criteria
from services.profiles.actions.subjects import create
from services.profiles.queries.tutors import SET_STATUS
from shared.db import Tx
from shared.events.auth import UserRegistered
from shared.events.bookings import RatingChanged
from tests.harness import Harness
from tests.services.profiles.people import account

LANGUAGES = ("en", "es", "uk", "fr")
WORDS = ("galaxy", "bridge", "tempest", "orchid", "volcano", "pyramid", "whisper", "quantum", "zeppelin", "jungle")
_ids = count(50_000)


@dataclass(frozen=True)
class Found:
    """What search should know of one tutor."""

    id: int
    subjects: frozenset[int]
    rate: Decimal
    experience: int
    languages: frozenset[str]
    words: frozenset[str]
    rating: Decimal
    reviews: int
    currency: str

    def meets(self, criteria: Criteria) -> bool:
        return (
            criteria.subject_id in (None, *self.subjects)
            and (criteria.min_rate is None or self.rate >= criteria.min_rate)
            and (criteria.max_rate is None or self.rate <= criteria.max_rate)
            and (criteria.experience_years is None or self.experience >= criteria.experience_years)
            and (not criteria.languages or bool(self.languages & set(criteria.languages)))
            and criteria.currency in (None, self.currency)
            and (criteria.search is None or all(map(self._has, criteria.search.split())))
        )

    def _has(self, term: str) -> bool:
        """Two or three letters are a beginning."""
        return any(word.startswith(term) if len(term) <= 3 else word == term for word in self.words)


ORDERS: dict[str, Callable[[Found], tuple[Decimal | int, ...]]] = {
    "rating": lambda t: (-t.rating, -t.reviews, t.id),
    "rate": lambda t: (t.rate, t.id),
    "-rate": lambda t: (-t.rate, -t.id),
    "experience": lambda t: (-t.experience, t.id),
}


def expected(everybody: list[Found], criteria: Criteria) -> list[int]:
    """The ids that meet the criteria, in their order."""
    return [t.id for t in sorted((t for t in everybody if t.meets(criteria)), key=ORDERS[criteria.sort])]


async def populate(service: Harness, size: int, seed: int = 1, known: list[int] | None = None) -> tuple[list[Found], list[int]]:
    """Tutors of all kinds, and the subjects they teach: those known, or new ones."""
    rng = random.Random(seed)
    async with service.database.transaction() as tx:
        subjects = known or [(await create(tx, None, f"Topic{n}", None, None)).id for n in range(4)]
        return [await _tutor(tx, rng, subjects) for _ in range(size)], subjects


async def _tutor(tx: Tx, rng: random.Random, subjects: list[int]) -> Found:
    user_id, now = next(_ids), datetime.now(UTC)
    await accounts.keep(tx, UserRegistered(**account(user_id, "tutor", first_name="Some", last_name="Body")), now)
    tutor_id = await tx.value("SELECT id FROM tutors WHERE user_id = %(user_id)s", user_id=user_id)
    taught = rng.sample(subjects, rng.randint(1, 3))
    rate, years = Decimal(rng.choice([20, 30, 30, 45])) + Decimal(rng.choice(["0", "0.50"])), rng.randint(0, 6)
    languages, words = rng.sample(LANGUAGES, rng.randint(0, 3)), rng.sample(WORDS, rng.randint(1, 4))
    currency = rng.choice(["USD", "EUR", "EUR"])
    rating, reviews = (Decimal(rng.randint(2, 5)), rng.randint(1, 3)) if rng.random() < 0.6 else (Decimal(0), 0)
    await tx.run(SET_STATUS, tutor_id=tutor_id, status="approved", now=now, by=None, reason=None)
    await tutors.choose_subjects(tx, tutor_id, taught, now)
    await tutors.edit(
        tx,
        tutor_id,
        now,
        hourly_rate=rate,
        currency=currency,
        experience_years=years,
        languages=languages,
        bio=" ".join(words[1:]),
        headline=words[0],
    )
    if reviews:
        await catalogue.rate(tx, RatingChanged(tutor_id=tutor_id, version=1, average_rating=rating, total_reviews=reviews))
    return Found(tutor_id, frozenset(taught), rate, years, frozenset(languages), frozenset(words), rating, reviews, currency)
