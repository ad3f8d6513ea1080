"""Which version of a booking was heard of last, and what a notification says when the person it names is purged."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('booking_moves',
    sa.Column('booking_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('booking_id')
    )
    op.add_column('notifications', sa.Column('anonymous', sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column('notifications', 'anonymous')
    op.drop_table('booking_moves')
