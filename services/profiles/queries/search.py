"""The catalogue: entering and leaving it, pages in four orders, totals."""

ANY_SUBJECT = 0  # the catalogue's subject_id of the row that stands for whatever the subject
# In the counts: whoever has a word (it stands in the language's place, with a language behind it or without), whoever has any
# word that begins so.
WORD, BEGINNING = -1, -2

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
LEAVE_WORDS = "DELETE FROM documents WHERE tutor_id = %(tutor_id)s::bigint"

_FILTERS = """
  (%(min_rate)s::numeric IS NULL OR c.hourly_rate >= %(min_rate)s::numeric)
  AND (%(max_rate)s::numeric IS NULL OR c.hourly_rate <= %(max_rate)s::numeric)
  AND (%(experience_years)s::int IS NULL OR c.experience_years >= %(experience_years)s::int)
  AND (%(languages)s::text[] IS NULL OR c.languages && %(languages)s::text[])
  AND (%(currency)s::text IS NULL OR c.languages @> ARRAY[%(currency)s::text])
"""
_MATCHES = f"c.subject_id = %(subject_id)s::bigint AND {_FILTERS}"
_TEACHES = f"(%(subject_id)s::bigint = {ANY_SUBJECT} OR subject_ids @> ARRAY[%(subject_id)s::bigint])"

ORDERS = {
    "rating": "average_rating DESC, total_reviews DESC, tutor_id",
    "rate": "hourly_rate, tutor_id",
    "-rate": "hourly_rate DESC, tutor_id DESC",
    "experience": "experience_years DESC, tutor_id",
}
_CELL = """
  subject_id = %(cell)s::bigint AND language = %(language)s
  AND experience_years BETWEEN %(least_years)s::int AND %(most_years)s::int
  AND hourly_rate BETWEEN %(least_rate)s::numeric AND %(most_rate)s::numeric
"""
_CELL_OF_SUBJECT = "subject_id = %(subject_id)s::bigint AND language = '' AND experience_years = -1 AND hourly_rate = 0"
_IN_COUNTS = f"""
  SELECT coalesce(sum(tutors), 0)::bigint FROM (
    SELECT tutors FROM catalogue_counts WHERE {_CELL} UNION ALL SELECT tutors FROM catalogue_changes WHERE {_CELL}) AS cells
"""
# The lists of languages that there are, each counted as if it were one, are the first rows of a small index of the counts.
_LISTS = "subject_id = 0 AND experience_years = -1 AND hourly_rate = 0 AND language LIKE '{%%'"
_IS_LIST = """
  language LIKE '{%%' AND string_to_array(btrim(language, '{}'), ',') && %(languages)s::text[]
  AND (%(currency)s::text IS NULL OR string_to_array(btrim(language, '{}'), ',') @> ARRAY[%(currency)s::text])
"""
_CELL_OF_LIST = _CELL.replace("language = %(language)s", "true")
_IN_LISTS = f"""
  SELECT coalesce(sum(tutors), 0)::bigint FROM (
    SELECT tutors FROM (SELECT language FROM catalogue_counts WHERE {_LISTS} AND {_IS_LIST}) AS lists
    JOIN catalogue_counts USING (language) WHERE {_CELL_OF_LIST}
    UNION ALL SELECT tutors FROM catalogue_changes WHERE {_IS_LIST} AND {_CELL_OF_LIST}) AS cells
"""
# How many have any of the words that one term may mean: the number of the commonest is known, so only those who have another one
# and not that are counted. A common word costs no more than a rare one.
_OTHERS = f"SELECT count(*) FROM documents c WHERE words @@ %(others)s::tsquery AND {_TEACHES} AND {_FILTERS}"
_IN_VOCABULARY = """
  SELECT coalesce(sum(tutors), 0)::bigint FROM (
    SELECT tutors FROM vocabulary WHERE word = %(commonest)s
    UNION ALL SELECT tutors FROM word_changes WHERE word = %(commonest)s) AS known
"""

# Another one after every change: the number of all, however late one of an earlier id is committed, and the newest, should they
# ever be counted from the beginning again.
STAMP = "SELECT coalesce(max(id) || '-' || sum(changes), '') FROM search_changes"
# Who is online, and a student's favorites, change often, and of a page only what twenty rows say.
IS_SAME = f"""
SELECT ({STAMP}) = %(stamp)s
  AND ARRAY(SELECT user_id FROM presences WHERE user_id = ANY(%(user_ids)s::bigint[]) AND is_online ORDER BY user_id)
    = %(online)s::bigint[]
  AND NOT EXISTS (SELECT FROM favourites WHERE user_id = %(viewer)s::bigint AND tutor_id = ANY(%(tutor_ids)s::bigint[]))
"""


def _pages(matches: str, total: str) -> dict[str, str]:
    """For each order what finds the ids of one page, how many there are in all, and the stamp: all of the same moment."""
    ids = f"SELECT tutor_id FROM catalogue c WHERE {matches} ORDER BY {{}} LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint"
    return {
        sort: f"SELECT ARRAY({ids.format(order)}) AS ids, ({total}) AS total, ({STAMP}) AS stamp"
        for sort, order in ORDERS.items()
    }


def _pages_of_few(source: str) -> dict[str, str]:
    """The same where all are looked at, since nothing else says how many they are."""
    return {
        sort: f"""
        WITH found AS MATERIALIZED (
          SELECT tutor_id, coalesce(average_rating, 0) AS average_rating, coalesce(total_reviews, 0) AS total_reviews,
            hourly_rate, experience_years
          FROM {source}
          WHERE words @@ %(words)s::tsquery AND {_TEACHES} AND {_FILTERS}
        )
        SELECT ARRAY(SELECT tutor_id FROM found ORDER BY {order} LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint) AS ids,
          (SELECT count(*) FROM found) AS total, ({STAMP}) AS stamp
        """
        for sort, order in ORDERS.items()
    }


COUNTED = f"SELECT ({_IN_COUNTS})"
PAGES_OF_SUBJECT = _pages("c.subject_id = %(subject_id)s::bigint", _IN_COUNTS.replace(_CELL, _CELL_OF_SUBJECT))
PAGES = _pages(_MATCHES, _IN_COUNTS)
PAGES_OF_LANGUAGES = _pages(_MATCHES, _IN_LISTS)
PAGES_ONE_BY_ONE = _pages(_MATCHES, f"SELECT count(*) FROM catalogue c WHERE {_MATCHES}")
# In the order of the catalogue, looking into one document after another: of many who have the words twenty are met soon.
_WITH_WORDS = f"{_MATCHES} AND (SELECT words @@ %(words)s::tsquery FROM documents d WHERE d.tutor_id = c.tutor_id)"
PAGES_OF_MANY = _pages(_WITH_WORDS, "SELECT %(found)s::bigint")
PAGES_OF_WORD = _pages(_WITH_WORDS, f"SELECT ({_IN_VOCABULARY}) + ({_OTHERS})")
PAGES_OF_COUNTED = _pages(_WITH_WORDS, f"SELECT ({_IN_COUNTS}) + ({_OTHERS})")
# One look-up by key for each rating: for some thousands the planner would rather read through all ratings that there are.
_RATED = """
  documents c LEFT JOIN LATERAL (
    SELECT average_rating, total_reviews FROM ratings r WHERE r.tutor_id = c.tutor_id OFFSET 0) AS rated ON true
"""
PAGES_OF_FEW = _pages_of_few(_RATED)
FOUND = f"SELECT count(*) FROM documents c WHERE words @@ %(words)s::tsquery AND {_TEACHES} AND {_FILTERS}"
# One folds at a time. A reader sees a change either here or in the counts, never in both: it is one transaction.
ALONE_NOW = "SELECT pg_try_advisory_xact_lock(hashtext('fold catalogue changes'))"
ALONE = "SELECT pg_advisory_xact_lock(hashtext('fold catalogue changes'))"
FOLD = """
WITH taken AS (
  DELETE FROM catalogue_changes WHERE id = ANY(ARRAY(SELECT id FROM catalogue_changes ORDER BY id LIMIT 20000))
  RETURNING subject_id, language, hourly_rate, experience_years, tutors
)
INSERT INTO catalogue_counts AS known (subject_id, language, hourly_rate, experience_years, tutors)
SELECT subject_id, language, hourly_rate, experience_years, sum(tutors) FROM taken GROUP BY 1, 2, 3, 4
ON CONFLICT (subject_id, language, hourly_rate, experience_years) DO UPDATE SET tutors = known.tutors + excluded.tutors
"""
FOLD_WORDS = """
WITH taken AS (
  DELETE FROM word_changes WHERE id = ANY(ARRAY(SELECT id FROM word_changes ORDER BY id LIMIT 20000)) RETURNING word, tutors
)
INSERT INTO vocabulary AS known (word, tutors) SELECT word, sum(tutors) FROM taken GROUP BY word ORDER BY word
ON CONFLICT (word) DO UPDATE SET tutors = known.tutors + excluded.tutors
"""
# The newest one takes over what the others say: the stamp stays as it is.
FOLD_SEARCH = """
WITH taken AS (
  DELETE FROM search_changes WHERE id = ANY(ARRAY(SELECT id FROM search_changes ORDER BY id LIMIT 20000))
    AND id < (SELECT max(id) FROM search_changes)
  RETURNING changes
)
UPDATE search_changes SET changes = changes + (SELECT sum(changes) FROM taken)
WHERE id = (SELECT max(id) FROM search_changes) AND EXISTS (SELECT FROM taken)
"""
# Should somebody just be writing the word again, folding that change brings it back.
FORGET_WORDS = """
DELETE FROM vocabulary v WHERE tutors = 0 AND NOT EXISTS (SELECT FROM word_changes c WHERE c.word = v.word)
"""
DROP_EMPTY = "DELETE FROM catalogue_counts WHERE tutors = 0"
