"""Search, lists and statistics have indexes that serve them: nothing that grows is read through."""

import re
from collections.abc import Iterator, Mapping
from typing import LiteralString

import psycopg
import pytest

from services.profiles.queries import search, students, tutors, words
from tests.harness import Harness
from tests.servers import Databases

FILL: tuple[LiteralString, ...] = (
    """
    INSERT INTO accounts SELECT n, 1, 'tutor', 'First', 'Last', '', 'UTC', 'USD', true, false FROM generate_series(1, 5000) AS n
    """,
    """
    INSERT INTO tutors (id, user_id, status, hourly_rate, currency, submitted_at, decided_at) OVERRIDING SYSTEM VALUE
    SELECT n, n, CASE WHEN n % 10 = 0 THEN 'pending_approval' ELSE 'approved' END, 10 + n % 90, 'USD', now(), now()
    FROM generate_series(1, 5000) AS n
    """,
    """
    INSERT INTO catalogue SELECT subject, n, n % 5, n % 200, 10 + n % 90, n % 30, ARRAY['en', 'l' || n % 100]
    FROM generate_series(1, 5000) AS n, unnest(ARRAY[0, 1 + n % 20]) AS subject
    """,
    """
    INSERT INTO documents
    SELECT n, 10 + n % 90, n % 30, ARRAY[0, 1 + n % 20], ARRAY['en'], array_to_tsvector(ARRAY['t' || n % 700, 'w'])
    FROM generate_series(1, 5000) AS n
    """,
    """
    INSERT INTO vocabulary SELECT 't' || n || CASE WHEN n % 50 = 0 THEN '+' ELSE '' END, 7 FROM generate_series(1, 5000) AS n
    """,
    """
    INSERT INTO lessons SELECT n, 1, n % 50, n % 90, 'COMPLETED', now() - n * interval '1 hour', now()
    FROM generate_series(1, 5000) AS n
    """,
    """
    INSERT INTO catalogue_counts SELECT subject_id, language, -1, rate, count(*)
    FROM catalogue, unnest(ARRAY['', languages::text] || languages) AS language, unnest(ARRAY[0, hourly_rate]) AS rate
    GROUP BY 1, 2, 4
    """,
    """
    SELECT gin_clean_pending_list(name::regclass)
    FROM unnest(ARRAY['catalogue_by_language', 'catalogue_by_language_alone', 'documents_by_word', 'vocabulary_similar']) AS name
    """,
    "ANALYZE accounts, tutors, catalogue, catalogue_counts, documents, vocabulary, lessons",
    "SET LOCAL enable_seqscan = off",
)
GROWING = "catalogue|catalogue_counts|documents|vocabulary|lessons|tutors|accounts"
PAGE = {"limit": 20, "offset": 0, "viewer": None}
ANY = {"cell": 0, "language": "", "least_years": -1, "most_years": -1, "least_rate": 0, "most_rate": 0}
FILTERS = {
    "subject_id": 0,
    "min_rate": None,
    "max_rate": None,
    "experience_years": None,
    "languages": None,
    "currency": None,
}
ANYBODY: dict[str, object] = FILTERS | ANY | PAGE
CHEAP = ANYBODY | {"min_rate": 20, "max_rate": 21, "least_rate": 20, "most_rate": 21}
SPOKEN = ANYBODY | {"languages": ["l7"], "language": "l7"}
CHARGED = ANYBODY | {"currency": "l7", "language": "l7"}
SEVERAL = ANYBODY | {"languages": ["l7", "l8"], "subject_id": 7, "cell": 7}
RARE = ANYBODY | {"words": "'t7' | 't77'"}
COMMON = ANYBODY | {"words": "'w'", "commonest": "w", "others": "'t7' & !'w'"}
OF_COUNTS = "catalogue_counts_pkey"

PLANS: list[tuple[str, Mapping[str, object], set[str]]] = [
    (search.PAGES_OF_SUBJECT["rating"], ANYBODY, {"catalogue_by_rating", OF_COUNTS}),
    (search.PAGES["rating"], ANYBODY, {"catalogue_by_rating", OF_COUNTS}),
    (search.PAGES["rate"], CHEAP, {"catalogue_by_rate", OF_COUNTS}),
    (search.PAGES["-rate"], CHEAP, {"catalogue_by_rate", OF_COUNTS}),
    (search.PAGES["experience"], ANYBODY, {"catalogue_by_experience", OF_COUNTS}),
    (search.PAGES_ONE_BY_ONE["rating"], SPOKEN, {"catalogue_by_language_alone"}),
    (search.PAGES_ONE_BY_ONE["rating"], CHARGED | {"subject_id": 7}, {"catalogue_by_language"}),
    (search.PAGES_OF_LANGUAGES["rating"], SEVERAL, {"catalogue_counts_lists", OF_COUNTS}),
    (search.PAGES_OF_FEW["rating"], RARE, {"documents_by_word", "ratings_pkey"}),
    (search.PAGES_OF_FEW["rate"], RARE, {"documents_by_word"}),
    (search.PAGES_OF_WORD["rating"], COMMON, {"catalogue_by_rating", "documents_pkey", "documents_by_word", "vocabulary_pkey"}),
    (search.PAGES_OF_COUNTED["rating"], COMMON, {"catalogue_by_rating", "documents_pkey", "documents_by_word", OF_COUNTS}),
    (search.PAGES_OF_MANY["rating"], COMMON | {"found": 4000}, {"catalogue_by_rating", "documents_pkey"}),
    (search.FOUND, RARE, {"documents_by_word"}),
    (search.COUNTED, ANY, {OF_COUNTS}),
    (tutors.CARDS, {"ids": [1, 2, 3], "viewer": None}, {"tutors_pkey", "accounts_pkey", "ratings_pkey"}),
    (words.SPELLINGS, {"likely": ["t1234"], "literal": [], "begun": []}, {"vocabulary_similar"}),
    (words.SPELLINGS, {"likely": [], "literal": ["0+"], "begun": []}, {"vocabulary_symbols"}),
    (words.SPELLINGS, {"likely": [], "literal": [], "begun": ["t1"]}, {"vocabulary_pkey"}),
    (words.KNOWN, {"words": ["t7", "t77"]}, {"vocabulary_pkey"}),
    (tutors.PENDING, PAGE, {"tutors_pending"}),
    (tutors.APPROVED, PAGE, {"tutors_approved"}),
    (tutors.TAKE_STALE, {}, {"stale_tutors_pkey", "tutors_pkey"}),
    (students.STATISTICS, {"tutor_id": 7}, {"lessons_asked", "lessons_given"}),
]


@pytest.fixture
def some(service: Harness, databases: Databases) -> Iterator[psycopg.Connection]:
    """A database with some thousand tutors, known to the planner; taken back afterwards."""
    with psycopg.connect(databases.owners["profiles"]) as connection:
        for statement in FILL:
            connection.execute(statement)
        yield connection
        connection.rollback()


@pytest.mark.parametrize(("statement", "parameters", "indexes"), PLANS)
def test_a_statement_is_served_by_its_index(
    some: psycopg.Connection, statement: str, parameters: Mapping[str, object], indexes: set[str]
) -> None:
    plan = "\n".join(line for (line,) in some.execute(f"EXPLAIN {statement}", parameters).fetchall())

    assert indexes <= set(re.findall(r"Scan (?:Backward )?(?:using|on) (\w+)", plan)), plan
    assert not re.search(rf"Seq Scan on ({GROWING}) ", plan), plan
