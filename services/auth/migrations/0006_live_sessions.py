"""Indexes of an account's live sessions, and of the networks it signed in from."""

import sqlalchemy as sa
from alembic import op

from shared.migrations import build_index

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    build_index('sessions_live', 'sessions', ['account_id', 'expires_at'], postgresql_where=sa.text('revoked_at IS NULL'))
    build_index('sessions_from_network', 'sessions', ['account_id', 'network', 'created_at'])
    op.drop_index('sessions_of_account', table_name='sessions')


def downgrade() -> None:
    op.create_index('sessions_of_account', 'sessions', ['account_id', 'created_at'], unique=False)
    op.drop_index('sessions_from_network', table_name='sessions')
    op.drop_index('sessions_live', table_name='sessions')
