"""That index is the key of the counts. Their table is tidied often: what changed lately is looked up beside the index."""

from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

KEY = ['subject_id', 'language', 'experience_years', 'hourly_rate']
REPLACE = """
ALTER TABLE catalogue_counts DROP CONSTRAINT catalogue_counts_pkey,
  ADD CONSTRAINT catalogue_counts_pkey PRIMARY KEY USING INDEX catalogue_counts_key
"""


def upgrade() -> None:
    op.execute(REPLACE)
    op.execute("ALTER TABLE catalogue_counts SET (autovacuum_vacuum_scale_factor = 0.02)")


def downgrade() -> None:
    op.execute("ALTER TABLE catalogue_counts RESET (autovacuum_vacuum_scale_factor)")
    op.execute("ALTER TABLE catalogue_counts DROP CONSTRAINT catalogue_counts_pkey")
    op.create_primary_key('catalogue_counts_pkey', 'catalogue_counts', KEY)
