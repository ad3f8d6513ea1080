"""Tutors who were purged before give up subjects, calendar, price and zone, too. The worker says their new state."""

from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

PURGED = "SELECT t.id FROM tutors t JOIN accounts a ON a.user_id = t.user_id WHERE a.purged"


def upgrade() -> None:
    for table in ('tutor_subjects', 'windows', 'days_off'):
        op.execute(f"DELETE FROM {table} WHERE tutor_id IN ({PURGED})")
    op.execute(f"UPDATE tutors SET experience_years = 0, hourly_rate = NULL, timezone = NULL WHERE id IN ({PURGED})")
    op.execute(f"INSERT INTO stale_tutors (tutor_id) {PURGED} ON CONFLICT DO NOTHING")


def downgrade() -> None:
    """What was forgotten stays so."""
