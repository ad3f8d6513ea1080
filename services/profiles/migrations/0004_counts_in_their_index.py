"""The index of the catalogue's counts holds the counts, so that a total reads a range of the index and nothing else."""

from alembic import op

from shared.migrations import build_index

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

KEY = ['subject_id', 'language', 'experience_years', 'hourly_rate']


def upgrade() -> None:
    build_index('catalogue_counts_key', 'catalogue_counts', KEY, unique=True, postgresql_include=['tutors'])


def downgrade() -> None:
    op.drop_index('catalogue_counts_key', table_name='catalogue_counts', if_exists=True)  # not there once it has been the key
