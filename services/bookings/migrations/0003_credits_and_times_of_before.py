"""What was refunded, returned and agreed to before is told by the new columns, too."""

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

COUNT_CREDITS = """
UPDATE purchases SET credits_refunded = least(session_count, round(refunded * session_count / price))
WHERE refunded > 0
"""
# A student who cancelled late lost the credit.
MARK_RETURNED = """
UPDATE bookings SET credit_returned = true
WHERE purchase_id IS NOT NULL
  AND (status IN ('DECLINED', 'EXPIRED', 'NO_SHOW_TUTOR')
    OR (status = 'CANCELLED'
      AND (moved_by <> 'student' OR free_cancellation OR start_at - updated_at >= interval '24 hours')))
"""
REMEMBER_AGREED = """
UPDATE bookings b SET moved_from = m.start_at
FROM (SELECT DISTINCT ON (booking_id) booking_id, start_at FROM booking_moves WHERE status = 'CONFIRMED'
      ORDER BY booking_id, version DESC) AS m
WHERE m.booking_id = b.id AND b.status = 'PENDING'
"""


def upgrade() -> None:
    op.execute(COUNT_CREDITS)
    op.execute(MARK_RETURNED)
    op.execute(REMEMBER_AGREED)


def downgrade() -> None:
    pass
