"""Whether an account was active before it was deleted."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('accounts', sa.Column('was_active', sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column('accounts', 'was_active')
