"""The tutors that `bench_profiles_search` looks among: names, topics, rates and languages as uneven as people's are, and more
different words the more tutors there are (as the square root, about what texts do)."""

import math
import random
from typing import Any, LiteralString

_RNG = random.Random(11)
_ONSETS, _VOWELS, _CODAS = (
    ["b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br", "kr", "st", "sh"],
    ["a", "e", "i", "o", "u", "ai", "ei"],
    ["n", "r", "s", "l", "m", "k"],
)


def _words(number: int, syllables: int) -> list[str]:
    """Words that look like words, each once."""
    made: dict[str, None] = {}
    while len(made) < number:
        made["".join(_RNG.choice(_ONSETS) + _RNG.choice(_VOWELS) for _ in range(syllables)) + _RNG.choice(_CODAS)] = None
    return list(made)


FIRST_NAMES = _words(300, 2)
LAST_NAMES = _words(4000, 3)
SUBJECTS = _words(40, 4)
TOPICS = _words(3000, 3)  # the first are the most common
ENDINGS = ["", *_words(60, 1)]  # what makes more words of names and topics, where many tutors need them
LANGUAGES = [
    "{en}",
    "{en}",
    "{en}",
    "{en}",
    "{en,es}",
    "{en,fr}",
    "{es}",
    "{en,uk}",
    "{de,en}",
    "{en,hi}",
    "{fr}",
    "{pl,en}",
    "{ar,en,fr}",
]
RARE = ["{en,mt}", "{en,is}", "{cy,en}"]

FILL: list[LiteralString] = [
    """
    INSERT INTO subjects (id, name, category) OVERRIDING SYSTEM VALUE
    SELECT number, name, 'STEM' FROM unnest(%(subjects)s::text[]) WITH ORDINALITY AS subject (name, number)
    """,
    """
    INSERT INTO accounts SELECT n, 1, 'tutor', initcap((%(first)s::text[])[1 + floor(random() * %(firsts)s)]),
      initcap((%(last)s::text[])[1 + name %% 4000] || (%(endings)s::text[])[1 + name / 4000]),
      'http://localhost:8000/api/avatars/default.png', 'UTC', 'USD', true, false
    FROM (SELECT n, floor(random() * %(names)s)::int AS name FROM generate_series(1, %(size)s) AS n) AS named
    """,
    """
    INSERT INTO tutors
      (user_id, status, title, headline, bio, experience_years, languages, hourly_rate, currency, submitted_at, decided_at)
    SELECT n, 'approved', CASE WHEN n %% 100 = 0 THEN 'C++ tutor' ELSE 'Experienced tutor' END, 'I teach with patience', text.bio,
      floor(power(random(), 2) * 40),
      CASE WHEN random() < 0.001 THEN (%(rare)s::text[])[1 + floor(random() * 3)]::text[]
        ELSE (%(languages)s::text[])[1 + floor(random() * %(sets)s)]::text[] END,
      round((10 + power(random(), 2) * 110)::numeric, CASE WHEN random() < 0.7 THEN 0 ELSE 2 END),
      CASE WHEN random() < 0.001 THEN 'INR' ELSE (ARRAY['USD', 'USD', 'EUR', 'GBP'])[1 + floor(random() * 4)] END, now(), now()
    FROM generate_series(1, %(size)s) AS n, LATERAL (
      SELECT string_agg((%(topics)s::text[])[1 + topic %% 3000] || (%(endings)s::text[])[1 + topic / 3000], ' ') AS bio
      FROM (SELECT floor(power(random(), 2) * %(topic_count)s)::int AS topic FROM generate_series(1, 20 + 0 * n)) AS told) AS text
    """,
    """
    INSERT INTO tutor_subjects SELECT id, 1 + floor(random() * 40) FROM tutors, generate_series(1, 1 + id %% 3)
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO ratings SELECT id, 1, round((3 + random() * 2)::numeric, 2), floor(power(random(), 3) * 200)
    FROM tutors WHERE random() < 0.7
    """,
    """
    INSERT INTO catalogue (subject_id, tutor_id, average_rating, total_reviews, hourly_rate, experience_years, languages)
    SELECT subject_id, t.id, coalesce(average_rating, 0), coalesce(total_reviews, 0), hourly_rate, experience_years,
      array_append(languages, t.currency::text)
    FROM (SELECT 0 AS subject_id, id AS tutor_id FROM tutors UNION ALL SELECT subject_id, tutor_id FROM tutor_subjects) AS placed
    JOIN tutors t ON t.id = placed.tutor_id LEFT JOIN ratings r ON r.tutor_id = t.id
    """,
    """
    INSERT INTO catalogue_counts SELECT subject_id, language, years, rate, count(*)
    FROM catalogue, unnest(ARRAY['', languages::text] || languages) AS language, unnest(ARRAY[0, hourly_rate]) AS rate,
      unnest(ARRAY[-1, experience_years]) AS years
    WHERE rate = 0 OR years = -1 OR language NOT LIKE '{%%' GROUP BY 1, 2, 3, 4
    """,
    """
    INSERT INTO documents (tutor_id, hourly_rate, experience_years, subject_ids, languages, words)
    SELECT t.id, hourly_rate, experience_years, array_prepend(0::bigint, ids), array_append(languages, t.currency::text),
      array_to_tsvector(string_to_array(lower(concat_ws(' ', first_name, last_name, title, headline, bio, names)), ' '))
    FROM tutors t JOIN accounts USING (user_id) JOIN (
      SELECT tutor_id, array_agg(subject_id) AS ids, string_agg(name::text, ' ') AS names
      FROM tutor_subjects JOIN subjects ON id = subject_id GROUP BY tutor_id) AS taught ON tutor_id = t.id
    """,
    "INSERT INTO vocabulary SELECT word, count(*) FROM documents, unnest(tsvector_to_array(words)) AS word GROUP BY word",
    """
    INSERT INTO catalogue_counts SELECT -2, beginning, -1, 0, count(*) FROM documents, LATERAL (
      SELECT DISTINCT left(word, n) AS beginning FROM unnest(tsvector_to_array(words)) AS word, generate_series(2, 3) AS n
      WHERE length(word) >= n) AS begun
    GROUP BY beginning
    """,
]


def parameters(size: int) -> dict[str, Any]:
    return {
        "size": size,
        "subjects": SUBJECTS,
        "first": FIRST_NAMES,
        "firsts": len(FIRST_NAMES),
        "last": LAST_NAMES,
        "names": 40 * math.isqrt(size),
        "topics": TOPICS,
        "topic_count": 60 * math.isqrt(size),
        "endings": ENDINGS,
        "languages": LANGUAGES,
        "sets": len(LANGUAGES),
        "rare": RARE,
    }
