"""What search looks through; derived from the other tables."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlmodel import Field

from services.profiles.tables.columns import Table, big, default, identity, key, texts


class Catalogue(Table, table=True):
    """What search looks through: every tutor to be found, once for each subject and once for any (`subject_id` 0), so that
    each order of every subject is an index. `languages` holds the currency, too. Triggers keep `catalogue_changes` in step."""

    __tablename__ = "catalogue"
    __table_args__ = (
        sa.Index(
            "catalogue_by_rating",
            "subject_id",
            sa.text("average_rating DESC"),
            sa.text("total_reviews DESC"),
            "tutor_id",
            postgresql_include=["hourly_rate", "experience_years"],
        ),
        sa.Index("catalogue_by_rate", "subject_id", "hourly_rate", "tutor_id", postgresql_include=["experience_years"]),
        sa.Index(
            "catalogue_by_experience",
            "subject_id",
            sa.text("experience_years DESC"),
            "tutor_id",
            postgresql_include=["hourly_rate"],
        ),
        sa.Index("catalogue_by_language", "subject_id", "languages", postgresql_using="gin"),
        sa.Index(  # a million of any subject would be met with some hundreds of a language
            "catalogue_by_language_alone",
            "languages",
            postgresql_using="gin",
            postgresql_where=sa.text("subject_id = 0"),
        ),
        sa.Index("catalogue_by_tutor", "tutor_id"),
    )

    subject_id: int = key()
    tutor_id: int = key("tutors.id")
    average_rating: Decimal = Field(sa_type=sa.Numeric(3, 2))
    total_reviews: int
    hourly_rate: Decimal = Field(sa_type=sa.Numeric(12, 2))
    experience_years: int
    languages: list[str] = texts()


class CatalogueCounts(Table, table=True):
    """How many rows of the catalogue share subject (0: any), language or currency ('': any), experience (-1: any) and rate
    (0: any), so that a total is one row or the sum of few. The key's index holds the number, too: one range of it is read.
    A whole list of languages is counted like a language: who speaks any of several is in the sum of the lists that hold one.
    Words are counted like subjects: -1 for those who have a counted word (it is the language, or stands before it), -2 for those
    who have any word that begins so."""

    __tablename__ = "catalogue_counts"
    __table_args__ = (
        sa.Index(
            "catalogue_counts_lists",
            "language",
            postgresql_where=sa.text("subject_id = 0 AND experience_years = -1 AND hourly_rate = 0 AND language LIKE '{%'"),
        ),
    )

    subject_id: int = key()
    language: str = Field(primary_key=True)
    experience_years: int = Field(primary_key=True)
    hourly_rate: Decimal = Field(sa_column=sa.Column(sa.Numeric(12, 2), primary_key=True))
    tutors: int


class CatalogueChanges(Table, table=True):
    """What is to be added to the counts. Appended to by triggers, so that nobody waits for a counter; folded in by a job."""

    __tablename__ = "catalogue_changes"

    id: int | None = identity()
    subject_id: int = big()
    language: str
    hourly_rate: Decimal = Field(sa_type=sa.Numeric(12, 2))
    experience_years: int
    tutors: int


class Documents(Table, table=True):
    """The words of every tutor to be found, and what a total may filter by. Triggers keep `word_changes` in step."""

    __tablename__ = "documents"
    __table_args__ = (sa.Index("documents_by_word", "words", "subject_ids", postgresql_using="gin"),)

    tutor_id: int = key("tutors.id")
    hourly_rate: Decimal = Field(sa_type=sa.Numeric(12, 2))
    experience_years: int
    subject_ids: list[int] = Field(sa_column=sa.Column(ARRAY(sa.BigInteger), nullable=False))
    languages: list[str] = texts()
    words: Any = Field(sa_column=sa.Column(TSVECTOR, nullable=False))


class Vocabulary(Table, table=True):
    """Every word that a document ever held, and how many hold it now. A mistyped one is looked up here: words are few, however
    many tutors there are. Of noted ones triggers tell `catalogue_counts` more, which once they are counted know everybody."""

    __tablename__ = "vocabulary"
    __table_args__ = (
        sa.Index("vocabulary_similar", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
        sa.Index("vocabulary_symbols", "word", postgresql_where=sa.text("word ~ '[%+#_]'")),  # few; trigrams do not see them
    )

    word: str = Field(sa_column=sa.Column(sa.String(collation="C"), primary_key=True))  # C: its index finds beginnings of words
    tutors: int = default("0")
    is_noted: bool = default("false")
    is_counted: bool = default("false")


class WordChanges(Table, table=True):
    """What is to be added to the vocabulary's numbers; as `catalogue_changes`."""

    __tablename__ = "word_changes"
    __table_args__ = (sa.Index("word_changes_by_word", "word"),)

    id: int | None = identity()
    word: str = Field(sa_column=sa.Column(sa.String(collation="C"), nullable=False))
    tutors: int


class SearchChanges(Table, table=True):
    """How often what search shows has changed: the sum of all, which a job keeps in the newest. Appended to by triggers."""

    __tablename__ = "search_changes"

    id: int | None = identity()
    changes: int = big()


class StaleTutors(Table, table=True):
    """Tutors whose state must be said and indexed again, because a subject of theirs was renamed."""

    __tablename__ = "stale_tutors"

    tutor_id: int = key("tutors.id")
