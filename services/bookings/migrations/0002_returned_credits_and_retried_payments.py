"""Credits refunded in parts and returned late, payments tried again, moves that keep the rules of the old time; lists of live lessons."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

LIVE = sa.text("status IN ('PENDING', 'CONFIRMED')")
UNSETTLED = sa.text("settled_at IS NULL")
COUNT_CREDITS = """
UPDATE purchases SET credits_refunded = least(session_count, round(refunded * session_count / price))
WHERE refunded > 0
"""
MARK_RETURNED = """
UPDATE bookings SET credit_returned = true
WHERE purchase_id IS NOT NULL
  AND (status IN ('DECLINED', 'EXPIRED', 'NO_SHOW_TUTOR') OR (status = 'CANCELLED' AND moved_by <> 'student'))
"""
REMEMBER_AGREED = """
UPDATE bookings b SET moved_from = m.start_at
FROM (SELECT DISTINCT ON (booking_id) booking_id, start_at FROM booking_moves WHERE move = 'confirm'
      ORDER BY booking_id, version DESC) AS m
WHERE m.booking_id = b.id AND b.status = 'PENDING'
"""


def upgrade() -> None:
    op.add_column('purchases', sa.Column('credits_refunded', sa.Integer(), server_default='0', nullable=False))
    op.add_column('purchases', sa.Column('expired_at', sa.DateTime(timezone=True), nullable=True))
    op.execute(COUNT_CREDITS)
    op.add_column('bookings', sa.Column('credit_returned', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('bookings', sa.Column('moved_from', sa.DateTime(timezone=True), nullable=True))
    op.execute(MARK_RETURNED)
    op.execute(REMEMBER_AGREED)
    op.create_index('live_of_student', 'bookings', ['student_id', 'start_at', 'id'], unique=False, postgresql_where=LIVE)
    op.create_index('live_of_tutor', 'bookings', ['tutor_user_id', 'start_at', 'id'], unique=False, postgresql_where=LIVE)
    op.add_column('ledger', sa.Column('attempts', sa.Integer(), server_default='0', nullable=False))
    op.add_column('ledger', sa.Column('next_try_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False))
    op.drop_index('ledger_to_settle', table_name='ledger', postgresql_where=UNSETTLED)
    op.create_index('ledger_to_settle', 'ledger', ['next_try_at', 'id'], unique=False, postgresql_where=UNSETTLED)


def downgrade() -> None:
    op.drop_index('ledger_to_settle', table_name='ledger', postgresql_where=UNSETTLED)
    op.create_index('ledger_to_settle', 'ledger', ['id'], unique=False, postgresql_where=UNSETTLED)
    op.drop_column('ledger', 'next_try_at')
    op.drop_column('ledger', 'attempts')
    op.drop_index('live_of_tutor', table_name='bookings', postgresql_where=LIVE)
    op.drop_index('live_of_student', table_name='bookings', postgresql_where=LIVE)
    op.drop_column('bookings', 'moved_from')
    op.drop_column('bookings', 'credit_returned')
    op.drop_column('purchases', 'expired_at')
    op.drop_column('purchases', 'credits_refunded')
