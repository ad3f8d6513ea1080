"""The catalogue that search looks through: derived from profiles in the transaction that changes them."""

from services.profiles.queries import search, tutors
from services.profiles.queries.tutors import Profile
from services.profiles.queries.words import LEARN
from services.profiles.rules.words import words_of
from shared.db import Tx
from shared.events.bookings import RatingChanged


async def enter(tx: Tx, profile: Profile) -> None:
    """Make search find the profile as it is now, or not at all. The caller holds the profile's lock."""
    if not profile.is_shown:
        await tx.run(search.LEAVE, tutor_id=profile.id)
        await tx.run(search.LEAVE_WORDS, tutor_id=profile.id)
        return
    sought = {
        "tutor_id": profile.id,
        "subject_ids": [search.ANY_SUBJECT, *(s["id"] for s in profile.subjects)],
        "hourly_rate": profile.hourly_rate,
        "experience_years": profile.experience_years,
        "languages": [*profile.languages, profile.currency],  # told apart by capitals; found and counted alike
    }
    await tx.run(search.ENTER, **sought, average_rating=profile.average_rating, total_reviews=profile.total_reviews)
    words = words_of(profile.name, profile.title, profile.headline, profile.bio, *(s["name"] for s in profile.subjects))
    await tx.run(LEARN, words=words)
    await tx.run(search.ENTER_WORDS, **sought, words=words)


async def rate(tx: Tx, event: RatingChanged) -> None:
    """Take over the sum of a tutor's reviews. Older sums are ignored."""
    rating = {"tutor_id": event.tutor_id, "average_rating": event.average_rating or 0, "total_reviews": event.total_reviews}
    if await tx.run(search.KEEP_RATING, **rating, version=event.version):
        await tx.value(tutors.LOCK, tutor_id=event.tutor_id)  # whoever is just entering an older sum has it, and comes first
        await tx.run(search.RATE, **rating)
