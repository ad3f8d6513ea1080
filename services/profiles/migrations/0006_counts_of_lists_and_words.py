"""Whoever changes the catalogue notes whole lists of languages, too; whoever changes a document what its words begin with, and what
else those are searched for by who have a noted word. What was there before is counted by 0008."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

# Each row of the catalogue counts in the cell of its own language, rate and experience, and in those of any ('', 0, -1) in their
# place. Its list of languages counts as one more, but not in the many cells of rate and experience.
NOTE_CATALOGUE = """
CREATE OR REPLACE FUNCTION note_catalogue_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO catalogue_changes (subject_id, language, hourly_rate, experience_years, tutors)
  SELECT subject_id, language, rate, years, sum(difference)
  FROM ({rows}) AS touched, unnest(ARRAY['', languages::text] || languages) AS language, unnest(ARRAY[0, hourly_rate]) AS rate,
    unnest(ARRAY[-1, experience_years]) AS years
  WHERE rate = 0 OR years = -1 OR language NOT LIKE '{{%'
  GROUP BY 1, 2, 3, 4 HAVING sum(difference) <> 0;
  RETURN NULL;
END $$
"""
NOTE_DOCUMENTS = """
CREATE OR REPLACE FUNCTION note_documents_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO word_changes (word, tutors)
  SELECT word, sum(difference) FROM ({rows}) AS touched, unnest(tsvector_to_array(words)) AS word
  GROUP BY 1 HAVING sum(difference) <> 0;

  INSERT INTO catalogue_changes (subject_id, language, hourly_rate, experience_years, tutors)
  SELECT -2, beginning, 0, -1, sum(difference) FROM ({rows}) AS touched, LATERAL (
    SELECT DISTINCT left(word, n) AS beginning FROM unnest(tsvector_to_array(words)) AS word, generate_series(2, 3) AS n
    WHERE length(word) >= n) AS begun
  GROUP BY 2 HAVING sum(difference) <> 0
  UNION ALL
  SELECT -1, cell.language, rate, years, sum(difference)
  FROM ({rows}) AS touched, unnest(tsvector_to_array(words)) AS has JOIN vocabulary ON word = has AND is_noted, LATERAL (
    SELECT word AS language, hourly_rate AS rate, -1 AS years UNION ALL SELECT word, 0, experience_years
    UNION ALL SELECT word || ' ' || language, 0, -1 FROM unnest(languages) AS language) AS cell
  GROUP BY 2, 3, 4 HAVING sum(difference) <> 0;
  RETURN NULL;
END $$
"""
ADDED = "SELECT *, 1 AS difference FROM added"
GONE = "SELECT *, -1 AS difference FROM gone"
ROWS = {"insert": ADDED, "update": f"{GONE} UNION ALL {ADDED}", "delete": GONE}
# As 0001 made them.
BEFORE = """
CREATE OR REPLACE FUNCTION note_catalogue_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO catalogue_changes (subject_id, language, hourly_rate, experience_years, tutors)
  SELECT subject_id, language, rate, years, sum(difference)
  FROM ({rows}) AS touched, unnest(array_prepend('', languages)) AS language, unnest(ARRAY[0, hourly_rate]) AS rate,
    unnest(ARRAY[-1, experience_years]) AS years
  GROUP BY 1, 2, 3, 4 HAVING sum(difference) <> 0;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION note_documents_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO word_changes (word, tutors)
  SELECT word, sum(difference) FROM ({rows}) AS touched, unnest(tsvector_to_array(words)) AS word
  GROUP BY 1 HAVING sum(difference) <> 0;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    for column in ('is_noted', 'is_counted'):
        op.add_column('vocabulary', sa.Column(column, sa.Boolean(), server_default=sa.text('false'), nullable=False))
    for event, rows in ROWS.items():
        op.execute(NOTE_CATALOGUE.format(event=event, rows=rows))
        op.execute(NOTE_DOCUMENTS.format(event=event, rows=rows))


def downgrade() -> None:
    for event, rows in ROWS.items():
        op.execute(BEFORE.format(event=event, rows=rows))
    for column in ('is_noted', 'is_counted'):
        op.drop_column('vocabulary', column)
    for table in ("catalogue_counts", "catalogue_changes"):
        op.execute(f"DELETE FROM {table} WHERE subject_id < 0 OR language LIKE '{{%'")
