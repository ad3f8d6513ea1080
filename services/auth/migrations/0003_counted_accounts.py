"""Accounts are counted; lists leave out the deleted; activity before a deletion; spent refresh tokens are forgotten."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

NEWEST: list[Any] = [sa.literal_column('created_at DESC'), sa.literal_column('id DESC')]
COUNT = """
CREATE FUNCTION count_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL THEN
    INSERT INTO account_counts (role, is_active, accounts) VALUES (OLD.role, OLD.is_active, -1);
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL THEN
    INSERT INTO account_counts (role, is_active, accounts) VALUES (NEW.role, NEW.is_active, 1);
  END IF;
  RETURN NULL;
END $$
"""
COUNTED = """
CREATE TRIGGER counted AFTER INSERT OR DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION count_accounts()
"""
COUNTED_ANEW = """
CREATE TRIGGER counted_anew AFTER UPDATE ON accounts FOR EACH ROW
WHEN ((OLD.role, OLD.is_active, OLD.deleted_at IS NULL) IS DISTINCT FROM (NEW.role, NEW.is_active, NEW.deleted_at IS NULL))
EXECUTE FUNCTION count_accounts()
"""
# The triggers' lock keeps everybody from writing until this commits, so nobody is counted twice or not at all.
COUNT_ALL = """
INSERT INTO account_counts (role, is_active, accounts)
SELECT role, is_active, count(*) FROM accounts WHERE deleted_at IS NULL GROUP BY role, is_active
"""


def upgrade() -> None:
    op.create_table('account_counts',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('accounts', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.execute(COUNT)
    op.execute(COUNTED)
    op.execute(COUNTED_ANEW)
    op.execute(COUNT_ALL)
    op.add_column('accounts', sa.Column('was_active', sa.Boolean(), nullable=True))
    op.drop_index('accounts_newest', table_name='accounts')
    op.drop_index('accounts_newest_of_role', table_name='accounts')
    op.create_index('accounts_newest', 'accounts', NEWEST, unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('accounts_newest_of_role', 'accounts', ['role', *NEWEST], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('accounts_newest_inactive', 'accounts', NEWEST, unique=False, postgresql_where=sa.text('deleted_at IS NULL AND NOT is_active'))
    op.create_index('refresh_tokens_spent', 'refresh_tokens', ['spent_at'], unique=False, postgresql_where=sa.text('spent_at IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('refresh_tokens_spent', table_name='refresh_tokens', postgresql_where=sa.text('spent_at IS NOT NULL'))
    op.drop_index('accounts_newest_inactive', table_name='accounts', postgresql_where=sa.text('deleted_at IS NULL AND NOT is_active'))
    op.drop_index('accounts_newest_of_role', table_name='accounts', postgresql_where=sa.text('deleted_at IS NULL'))
    op.drop_index('accounts_newest', table_name='accounts', postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('accounts_newest', 'accounts', NEWEST, unique=False)
    op.create_index('accounts_newest_of_role', 'accounts', ['role', *NEWEST], unique=False)
    op.drop_column('accounts', 'was_active')
    op.execute('DROP TRIGGER counted_anew ON accounts')
    op.execute('DROP TRIGGER counted ON accounts')
    op.execute('DROP FUNCTION count_accounts')
    op.drop_table('account_counts')
