"""Accounts are counted."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

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


def downgrade() -> None:
    op.execute('DROP TRIGGER counted_anew ON accounts')
    op.execute('DROP TRIGGER counted ON accounts')
    op.execute('DROP FUNCTION count_accounts')
    op.drop_table('account_counts')
