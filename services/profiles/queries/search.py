"""The catalogue: entering and leaving it, pages in four orders, totals."""

from dataclasses import dataclass

from services.profiles.queries.tutors import COLUMNS, SOURCES

ANY_SUBJECT = 0  # the catalogue's subject_id of the row that stands for whatever the subject


@dataclass(frozen=True, slots=True)
class Variant:
    """A known word that was perhaps meant by a term."""

    term: str
    word: str


# A row is written only where it differs, so that saving a biography leaves indexes and counts alone.
ENTER = """
WITH gone AS (
  DELETE FROM catalogue WHERE tutor_id = %(tutor_id)s::bigint AND subject_id <> ALL(%(subject_ids)s::bigint[])
)
INSERT INTO catalogue AS known
  (subject_id, tutor_id, average_rating, total_reviews, hourly_rate, experience_years, languages)
SELECT subject_id, %(tutor_id)s::bigint, %(average_rating)s::numeric, %(total_reviews)s::int, %(hourly_rate)s::numeric,
  %(experience_years)s::int, %(languages)s::text[]
FROM unnest(%(subject_ids)s::bigint[]) AS subject_id
ON CONFLICT (subject_id, tutor_id) DO UPDATE SET
  average_rating = excluded.average_rating, total_reviews = excluded.total_reviews, hourly_rate = excluded.hourly_rate,
  experience_years = excluded.experience_years, languages = excluded.languages
WHERE known IS DISTINCT FROM excluded
"""
LEAVE = "DELETE FROM catalogue WHERE tutor_id = %(tutor_id)s::bigint"
RATE = """
UPDATE catalogue SET average_rating = %(average_rating)s::numeric, total_reviews = %(total_reviews)s::int
WHERE tutor_id = %(tutor_id)s::bigint
"""
KEEP_RATING = """
INSERT INTO ratings AS known (tutor_id, version, average_rating, total_reviews)
VALUES (%(tutor_id)s, %(version)s, %(average_rating)s, %(total_reviews)s)
ON CONFLICT (tutor_id) DO UPDATE SET
  version = excluded.version, average_rating = excluded.average_rating, total_reviews = excluded.total_reviews
WHERE known.version < excluded.version
"""
ENTER_WORDS = """
INSERT INTO documents AS known (tutor_id, hourly_rate, experience_years, subject_ids, languages, words)
VALUES (%(tutor_id)s::bigint, %(hourly_rate)s::numeric, %(experience_years)s::int, %(subject_ids)s::bigint[],
  %(languages)s::text[], array_to_tsvector(%(words)s::text[]))
ON CONFLICT (tutor_id) DO UPDATE SET
  hourly_rate = excluded.hourly_rate, experience_years = excluded.experience_years, subject_ids = excluded.subject_ids,
  languages = excluded.languages, words = excluded.words
WHERE known IS DISTINCT FROM excluded
"""
LEARN_WORDS = """
INSERT INTO vocabulary (word) SELECT word FROM unnest(%(words)s::text[]) AS word ORDER BY word ON CONFLICT DO NOTHING
"""
LEAVE_WORDS = "DELETE FROM documents WHERE tutor_id = %(tutor_id)s::bigint"

# A term that is a known word is taken at its word, or nearly; any other may be mistyped, or a part of a word.
VARIANTS = """
SELECT term, word FROM (
  SELECT term, EXISTS (SELECT FROM vocabulary WHERE word = term) AS is_known
  FROM unnest(%(terms)s::text[]) AS term
) AS asked, LATERAL (
  SELECT word FROM vocabulary
  WHERE word %% term AND similarity(word, term) >= CASE WHEN is_known THEN 0.65 ELSE 0.4 END AND word <> term
     OR NOT is_known AND word LIKE '%%' || term || '%%'
  ORDER BY similarity(word, term) DESC, word LIMIT 30
) AS near
"""
# Trigrams do not see symbols: all words that hold any are read, which are few.
CONTAINING = """
SELECT term, word FROM unnest(%(terms)s::text[]) AS term, LATERAL (
  SELECT word FROM vocabulary WHERE word ~ '[%%+#_]' AND strpos(word, term) > 0 AND word <> term
  ORDER BY length(word), word LIMIT 30
) AS near
"""
# Two letters begin thousands of words: the commonest are meant. As a range, which the key's index finds for each term.
BEGUN = """
SELECT term, word FROM unnest(%(terms)s::text[]) AS term, LATERAL (
  SELECT word FROM vocabulary WHERE word > term AND word < term || chr(1114111) ORDER BY tutors DESC, word LIMIT 10
) AS begun
"""

_FILTERS = """
  (%(min_rate)s::numeric IS NULL OR c.hourly_rate >= %(min_rate)s::numeric)
  AND (%(max_rate)s::numeric IS NULL OR c.hourly_rate <= %(max_rate)s::numeric)
  AND (%(experience_years)s::int IS NULL OR c.experience_years >= %(experience_years)s::int)
  AND (%(languages)s::text[] IS NULL OR c.languages && %(languages)s::text[])
  AND (%(currency)s::text IS NULL OR c.languages @> ARRAY[%(currency)s::text])
"""
_MATCHES = f"c.subject_id = %(subject_id)s::bigint AND {_FILTERS}"
_PLAIN = "catalogue c"
_WITH_WORDS = "SELECT tutor_id FROM documents WHERE words @@ %(words)s::tsquery"
_BY_WORDS = f"({_WITH_WORDS}) AS d JOIN catalogue c USING (tutor_id)"
# OFFSET keeps the planner from going through the catalogue in its order and looking into one document after another: it expects
# more of them to have the words than do, and to look to cost less.
_BY_FEW_WORDS = f"({_WITH_WORDS} OFFSET 0) AS d JOIN catalogue c USING (tutor_id)"

ORDERS = {
    "rating": "average_rating DESC, total_reviews DESC, tutor_id",
    "rate": "hourly_rate, tutor_id",
    "-rate": "hourly_rate DESC, tutor_id DESC",
    "experience": "experience_years DESC, tutor_id",
}


def _page(source: str, order: str) -> str:
    """The cards of one page in one statement: twenty ids from an index, then what belongs to them by their keys."""
    return f"""
    SELECT {COLUMNS} FROM (
      SELECT tutor_id, c.average_rating, c.total_reviews, c.hourly_rate, c.experience_years FROM {source} WHERE {_MATCHES}
      ORDER BY {order} LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint
    ) AS page JOIN {SOURCES.replace("tutors t", "tutors t ON t.id = page.tutor_id", 1)}
    ORDER BY {", ".join(f"page.{part}" for part in order.split(", "))}
    """


PAGES = {sort: _page(_PLAIN, order) for sort, order in ORDERS.items()}
PAGES_BY_WORDS = {sort: _page(_BY_WORDS, order) for sort, order in ORDERS.items()}
PAGES_BY_FEW_WORDS = {sort: _page(_BY_FEW_WORDS, order) for sort, order in ORDERS.items()}
TOTAL = f"SELECT count(*) FROM {_PLAIN} WHERE {_MATCHES}"
TOTAL_BY_WORDS = f"""
SELECT count(*) FROM documents c WHERE words @@ %(words)s::tsquery AND subject_ids @> ARRAY[%(subject_id)s::bigint] AND {_FILTERS}
"""
TOTAL_BY_WORDS_ALONE = "SELECT count(*) FROM documents WHERE words @@ %(words)s::tsquery"
# How many hold any of the words that one term may mean: the number of the commonest is known, so only those who hold another
# one and not that are counted. A common word costs no more than a rare one.
TOTAL_BY_TERM = """
WITH meant AS MATERIALIZED (
  SELECT word, tutors + coalesce((SELECT sum(c.tutors) FROM word_changes c WHERE c.word = v.word), 0) AS tutors
  FROM vocabulary v WHERE word = ANY(%(spellings)s::text[])
), commonest AS (
  SELECT word, tutors FROM meant WHERE tutors > 0 ORDER BY tutors DESC, word LIMIT 1
), others AS (
  SELECT string_agg(quote_literal(word), ' | ')::tsquery AS query FROM meant
  WHERE tutors > 0 AND word <> (SELECT word FROM commonest)
)
SELECT coalesce((SELECT tutors FROM commonest), 0)::bigint + (
  SELECT count(*) FROM documents
  WHERE words @@ (SELECT query && !! quote_literal(commonest.word)::tsquery FROM others, commonest))
"""
_CELL = """
  subject_id = %(subject_id)s::bigint AND language = %(language)s
  AND experience_years BETWEEN %(least_years)s::int AND %(most_years)s::int
  AND hourly_rate BETWEEN %(least_rate)s::numeric AND %(most_rate)s::numeric
"""
TOTAL_BY_COUNTS = f"""
SELECT coalesce(sum(tutors), 0)::bigint FROM (
  SELECT tutors FROM catalogue_counts WHERE {_CELL} UNION ALL SELECT tutors FROM catalogue_changes WHERE {_CELL}
) AS cells
"""
# One folds at a time. A reader sees a change either here or in the counts, never in both: it is one transaction.
ALONE_NOW = "SELECT pg_try_advisory_xact_lock(hashtext('fold catalogue changes'))"
ALONE = "SELECT pg_advisory_xact_lock(hashtext('fold catalogue changes'))"
FOLD = """
WITH taken AS (
  DELETE FROM catalogue_changes WHERE id IN (SELECT id FROM catalogue_changes ORDER BY id LIMIT 20000)
  RETURNING subject_id, language, hourly_rate, experience_years, tutors
)
INSERT INTO catalogue_counts AS known (subject_id, language, hourly_rate, experience_years, tutors)
SELECT subject_id, language, hourly_rate, experience_years, sum(tutors) FROM taken GROUP BY 1, 2, 3, 4
ON CONFLICT (subject_id, language, hourly_rate, experience_years) DO UPDATE SET tutors = known.tutors + excluded.tutors
"""
FOLD_WORDS = """
WITH taken AS (
  DELETE FROM word_changes WHERE id IN (SELECT id FROM word_changes ORDER BY id LIMIT 20000) RETURNING word, tutors
)
INSERT INTO vocabulary AS known (word, tutors) SELECT word, sum(tutors) FROM taken GROUP BY word ORDER BY word
ON CONFLICT (word) DO UPDATE SET tutors = known.tutors + excluded.tutors
"""
# Should somebody just be writing the word again, folding that change brings it back.
FORGET_WORDS = """
DELETE FROM vocabulary v WHERE tutors = 0 AND NOT EXISTS (SELECT FROM word_changes c WHERE c.word = v.word)
"""
DROP_EMPTY = "DELETE FROM catalogue_counts WHERE tutors = 0"
