"""Whoever deletes a rating takes it out of the catalogue, too: a repair knows only the table that it repairs."""

from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

# The tutor is locked, as by whoever rates: or somebody may just be entering the rating as it was read before.
UNRATE = """
CREATE FUNCTION unrate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM tutors WHERE id = OLD.tutor_id FOR UPDATE;
  UPDATE catalogue SET average_rating = 0, total_reviews = 0 WHERE tutor_id = OLD.tutor_id;
  RETURN NULL;
END $$
"""
WATCH = "CREATE TRIGGER unrate AFTER DELETE ON ratings FOR EACH ROW EXECUTE FUNCTION unrate()"


def upgrade() -> None:
    op.execute(UNRATE)
    op.execute(WATCH)


def downgrade() -> None:
    op.execute("DROP FUNCTION unrate CASCADE")
