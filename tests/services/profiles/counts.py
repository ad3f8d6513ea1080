"""What the counts that search keeps should be, worked out from what is counted."""

from typing import LiteralString

CELLS: LiteralString = """
SELECT subject_id, language, rate, years, count(*) AS tutors
FROM catalogue, unnest(ARRAY['', languages::text] || languages) AS language, unnest(ARRAY[0, hourly_rate]) AS rate,
  unnest(ARRAY[-1, experience_years]) AS years
WHERE rate = 0 OR years = -1 OR NOT starts_with(language, '{') GROUP BY 1, 2, 3, 4
"""
BEGINNINGS: LiteralString = """
SELECT -2, left(word, n), 0, -1, count(DISTINCT tutor_id) FROM documents, unnest(tsvector_to_array(words)) AS word,
  generate_series(2, 3) AS n
WHERE length(word) >= n GROUP BY 2
"""
WORDS: LiteralString = """
SELECT -1, filter.language, rate, years, count(*)
FROM documents, unnest(tsvector_to_array(words)) AS has JOIN vocabulary ON word = has AND is_noted, LATERAL (
  VALUES (word::text, hourly_rate, -1), (word, 0, experience_years)
  UNION ALL SELECT word || ' ' || language, 0, -1 FROM unnest(languages) AS language) AS filter (language, rate, years)
GROUP BY 2, 3, 4
"""
KEPT: LiteralString = """
SELECT subject_id, language, hourly_rate, experience_years, sum(tutors)::bigint FROM (
  SELECT subject_id, language, hourly_rate, experience_years, tutors FROM catalogue_counts
  UNION ALL SELECT subject_id, language, hourly_rate, experience_years, tutors FROM catalogue_changes) AS kept
GROUP BY 1, 2, 3, 4 HAVING sum(tutors) <> 0
"""
TRUE: LiteralString = f"{CELLS} UNION ALL {BEGINNINGS} UNION ALL {WORDS}"
WRONG: LiteralString = f"(({TRUE}) EXCEPT ({KEPT})) UNION ALL (({KEPT}) EXCEPT ({TRUE}))"
