"""Lists of languages and beginnings of words are counted, of whom the triggers of 0006 have not noted yet.

Everybody goes on writing: who began before those triggers is waited for, all others note, and what is noted by the moment of
counting is subtracted. So a second run changes nothing."""

from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

NOTED = """
  SELECT subject_id, language, hourly_rate, experience_years, -tutors FROM catalogue_counts WHERE {noted}
  UNION ALL SELECT subject_id, language, hourly_rate, experience_years, -tutors FROM catalogue_changes WHERE {noted}
"""
COUNT = f"""
INSERT INTO catalogue_counts AS known (subject_id, language, hourly_rate, experience_years, tutors)
SELECT subject_id, language, rate, years, sum(tutors) FROM (
  {{true}} GROUP BY 1, 2, 3, 4 UNION ALL {NOTED}
) AS differences (subject_id, language, rate, years, tutors)
GROUP BY 1, 2, 3, 4 HAVING sum(tutors) <> 0
ON CONFLICT (subject_id, language, hourly_rate, experience_years) DO UPDATE SET tutors = known.tutors + excluded.tutors
"""
LISTS = COUNT.format(
    noted="language LIKE '{%'",
    true="""
    SELECT subject_id, languages::text, rate, years, count(*)
    FROM catalogue, unnest(ARRAY[0, hourly_rate]) AS rate, unnest(ARRAY[-1, experience_years]) AS years
    WHERE rate = 0 OR years = -1
    """,
)
BEGINNINGS = COUNT.format(
    noted="subject_id = -2",
    true="""
    SELECT -2, beginning, 0, -1, count(*) FROM documents, LATERAL (
      SELECT DISTINCT left(word, n) AS beginning FROM unnest(tsvector_to_array(words)) AS word, generate_series(2, 3) AS n
      WHERE length(word) >= n) AS begun
    """,
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SELECT pg_advisory_lock(hashtext('fold catalogue changes'))")  # the counts stand still; changes wait
        for statement in ("BEGIN", "LOCK TABLE catalogue, documents IN SHARE MODE", "COMMIT", LISTS, BEGINNINGS):
            op.execute(statement)
        op.execute("SELECT pg_advisory_unlock(hashtext('fold catalogue changes'))")


def downgrade() -> None:
    """What was counted is forgotten with the triggers."""
