"""Indexes of the lessons that tutors gave, and of words with symbols."""

import sqlalchemy as sa
from alembic import op

from shared.migrations import build_index

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    build_index('lessons_given', 'lessons', ['tutor_id'], postgresql_where=sa.text("status = 'COMPLETED'"))
    build_index('vocabulary_symbols', 'vocabulary', ['word'], postgresql_where=sa.text("word ~ '[%+#_]'"))


def downgrade() -> None:
    op.drop_index('vocabulary_symbols', table_name='vocabulary', postgresql_where=sa.text("word ~ '[%+#_]'"))
    op.drop_index('lessons_given', table_name='lessons', postgresql_where=sa.text("status = 'COMPLETED'"))
