"""Credits refunded in parts and returned late, payments tried again, moves that keep the rules of the old time."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('purchases', sa.Column('credits_refunded', sa.Integer(), server_default='0', nullable=False))
    op.add_column('purchases', sa.Column('expired_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('bookings', sa.Column('credit_returned', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('bookings', sa.Column('moved_from', sa.DateTime(timezone=True), nullable=True))
    op.add_column('ledger', sa.Column('attempts', sa.Integer(), server_default='0', nullable=False))
    op.add_column('ledger', sa.Column('next_try_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False))


def downgrade() -> None:
    op.drop_column('ledger', 'next_try_at')
    op.drop_column('ledger', 'attempts')
    op.drop_column('bookings', 'moved_from')
    op.drop_column('bookings', 'credit_returned')
    op.drop_column('purchases', 'expired_at')
    op.drop_column('purchases', 'credits_refunded')
