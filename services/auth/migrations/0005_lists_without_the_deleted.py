"""Indexes of the administrators' lists, which leave out the deleted, and of spent refresh tokens."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.migrations import build_index

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

NEWEST: list[Any] = [sa.literal_column('created_at DESC'), sa.literal_column('id DESC')]
KNOWN = sa.text('deleted_at IS NULL')


def upgrade() -> None:
    build_index('accounts_newest', 'accounts', NEWEST, postgresql_where=KNOWN)
    build_index('accounts_newest_of_role', 'accounts', ['role', *NEWEST], postgresql_where=KNOWN)
    build_index('accounts_newest_inactive', 'accounts', NEWEST, postgresql_where=sa.text('deleted_at IS NULL AND NOT is_active'))
    build_index('refresh_tokens_spent', 'refresh_tokens', ['spent_at'], postgresql_where=sa.text('spent_at IS NOT NULL'))


def downgrade() -> None:
    for name in ('accounts_newest_inactive', 'accounts_newest_of_role', 'accounts_newest'):
        op.drop_index(name, table_name='accounts')
    op.drop_index('refresh_tokens_spent', table_name='refresh_tokens')
    op.create_index('accounts_newest', 'accounts', NEWEST, unique=False)
    op.create_index('accounts_newest_of_role', 'accounts', ['role', *NEWEST], unique=False)
