"""Indexes by which a person's messages are read from the newest back, whoever wrote to whom."""

from alembic import op

from shared.migrations import build_index

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    build_index('messages_of_low', 'messages', ['low_id', 'id'])
    build_index('messages_of_high', 'messages', ['high_id', 'id'])


def downgrade() -> None:
    for name in ('messages_of_high', 'messages_of_low'):
        op.drop_index(name, table_name='messages')
