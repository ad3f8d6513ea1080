"""A small index of the lists of languages that there are."""

import sqlalchemy as sa
from alembic import op

from shared.migrations import build_index

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

LISTS = "subject_id = 0 AND experience_years = -1 AND hourly_rate = 0 AND language LIKE '{%'"


def upgrade() -> None:
    build_index('catalogue_counts_lists', 'catalogue_counts', ['language'], postgresql_where=sa.text(LISTS))


def downgrade() -> None:
    op.drop_index('catalogue_counts_lists', table_name='catalogue_counts', postgresql_where=sa.text(LISTS))
