"""Indexes of live lessons, of payments by their next try, of purchases with a tutor."""

import sqlalchemy as sa
from alembic import op

from shared.migrations import build_index

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

LIVE = sa.text("status IN ('PENDING', 'CONFIRMED')")
UNSETTLED = sa.text("settled_at IS NULL")


def upgrade() -> None:
    build_index('live_of_student', 'bookings', ['student_id', 'start_at', 'id'], postgresql_where=LIVE)
    build_index('live_of_tutor', 'bookings', ['tutor_user_id', 'start_at', 'id'], postgresql_where=LIVE)
    build_index('ledger_to_settle', 'ledger', ['next_try_at', 'id'], postgresql_where=UNSETTLED)
    build_index('purchases_with_tutor', 'purchases', ['tutor_id', 'id'])


def downgrade() -> None:
    op.drop_index('purchases_with_tutor', table_name='purchases')
    op.drop_index('ledger_to_settle', table_name='ledger', postgresql_where=UNSETTLED)
    op.create_index('ledger_to_settle', 'ledger', ['id'], unique=False, postgresql_where=UNSETTLED)
    op.drop_index('live_of_tutor', table_name='bookings', postgresql_where=LIVE)
    op.drop_index('live_of_student', table_name='bookings', postgresql_where=LIVE)
