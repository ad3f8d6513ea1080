"""Who speaks a rare language, whatever the subject, is found without all the others, who are in that subject's place, too."""

import sqlalchemy as sa
from alembic import op

from shared.migrations import build_index

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

ANY_SUBJECT = sa.text("subject_id = 0")


def upgrade() -> None:
    build_index('catalogue_by_language_alone', 'catalogue', ['languages'], postgresql_using='gin', postgresql_where=ANY_SUBJECT)


def downgrade() -> None:
    op.drop_index('catalogue_by_language_alone', table_name='catalogue', postgresql_using='gin', postgresql_where=ANY_SUBJECT)
