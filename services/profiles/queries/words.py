"""The vocabulary: what a term may mean, and how many have it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spelling:
    """A known word that was perhaps meant by a term."""

    term: str
    word: str


@dataclass(frozen=True, slots=True)
class Known:
    """A word that some have, and how many. Those of a counted word are told apart by rate, experience and language."""

    word: str
    tutors: int
    is_counted: bool


LEARN = """
INSERT INTO vocabulary (word) SELECT word FROM unnest(%(words)s::text[]) AS word ORDER BY word ON CONFLICT DO NOTHING
"""
# A term that is a known word is taken at its word, or nearly; any other may be mistyped, or a part of a word. The operator's own
# threshold is set, for each term: the index then leaves out most of what would be compared for nothing.
_LIKELY = """
  SELECT term, word FROM (
    SELECT term, is_known, set_config('pg_trgm.similarity_threshold', CASE WHEN is_known THEN '0.65' ELSE '0.4' END, true)
    FROM (
      SELECT term, EXISTS (SELECT FROM vocabulary WHERE word = term) AS is_known FROM unnest(%(likely)s::text[]) AS term
    ) AS asked
  ) AS asked, LATERAL (
    SELECT word FROM vocabulary WHERE (word %% term OR NOT is_known AND word LIKE '%%' || term || '%%') AND word <> term
    ORDER BY similarity(word, term) DESC, word LIMIT 30
  ) AS near
"""
# Trigrams do not see symbols: all words that hold any are read, which are few.
_CONTAINING = """
  SELECT term, word FROM unnest(%(literal)s::text[]) AS term, LATERAL (
    SELECT word FROM vocabulary WHERE word ~ '[%%+#_]' AND strpos(word, term) > 0 AND word <> term
    ORDER BY length(word), word LIMIT 30
  ) AS near
"""
# Two letters begin thousands of words: the commonest are meant. As a range, which the key's index finds for each term.
_BEGUN = """
  SELECT term, word FROM unnest(%(begun)s::text[]) AS term, LATERAL (
    SELECT word FROM vocabulary WHERE word > term AND word < term || chr(1114111) ORDER BY tutors DESC, word LIMIT 10
  ) AS begun
"""
SPELLINGS = f"""
SELECT * FROM ({_LIKELY}) AS near UNION ALL SELECT * FROM ({_CONTAINING}) AS held UNION ALL SELECT * FROM ({_BEGUN}) AS begun
"""
KNOWN = """
SELECT word, sum(tutors)::bigint AS tutors, bool_or(is_counted) AS is_counted FROM (
  SELECT word, tutors, is_counted FROM vocabulary WHERE word = ANY(%(words)s::text[])
  UNION ALL SELECT word, tutors, false FROM word_changes WHERE word = ANY(%(words)s::text[])) AS known
GROUP BY word HAVING sum(tutors) > 0 ORDER BY tutors DESC, word
"""
COMMON = "SELECT word FROM vocabulary WHERE tutors >= %(tutors)s::int AND NOT is_counted ORDER BY tutors DESC, word LIMIT 1"
NOTE = "UPDATE vocabulary SET is_noted = true WHERE word = %(word)s"
COUNTED = "UPDATE vocabulary SET is_counted = true WHERE word = %(word)s"
WAIT_FOR_WRITERS = "LOCK TABLE documents IN SHARE MODE"
TAKE_TIME = "SET LOCAL statement_timeout = '5min'"
# One statement, of one moment. What was noted by then is subtracted: so counting once more, after a failure, does no harm.
COUNT = """
INSERT INTO catalogue_changes (subject_id, language, hourly_rate, experience_years, tutors)
SELECT -1, language, rate, years, sum(tutors) FROM (
  SELECT cell.language, rate, years, 1 FROM documents, LATERAL (
    SELECT %(word)s::text AS language, hourly_rate AS rate, -1 AS years UNION ALL SELECT %(word)s::text, 0, experience_years
    UNION ALL SELECT %(word)s::text || ' ' || language, 0, -1 FROM unnest(languages) AS language) AS cell
  WHERE words @@ quote_literal(%(word)s::text)::tsquery
  UNION ALL SELECT language, hourly_rate, experience_years, -tutors FROM catalogue_counts
  WHERE subject_id = -1 AND (language = %(word)s OR starts_with(language, %(word)s::text || ' '))
  UNION ALL SELECT language, hourly_rate, experience_years, -tutors FROM catalogue_changes
  WHERE subject_id = -1 AND (language = %(word)s OR starts_with(language, %(word)s::text || ' '))
) AS differences (language, rate, years, tutors) GROUP BY 2, 3, 4 HAVING sum(tutors) <> 0
"""
