"""First tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('CREATE EXTENSION IF NOT EXISTS btree_gist')
    op.create_table('accounts',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('first_name', sa.String(), nullable=False),
    sa.Column('last_name', sa.String(), nullable=False),
    sa.Column('avatar_url', sa.String(), nullable=True),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('purged', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('idempotency_keys',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('fingerprint', sa.LargeBinary(), nullable=False),
    sa.Column('answer', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('user_id', 'key')
    )
    op.create_index(op.f('ix_idempotency_keys_created_at'), 'idempotency_keys', ['created_at'], unique=False)
    op.create_table('inbox',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('handled_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('event_id')
    )
    op.create_index(op.f('ix_inbox_handled_at'), 'inbox', ['handled_at'], unique=False)
    op.create_table('outbox',
    sa.Column('position', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('exchange', sa.Text(), nullable=False),
    sa.Column('routing_key', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('position')
    )
    op.create_table('packages',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True, start=1, increment=2), nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_user_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('description', sa.String(), nullable=True),
    sa.Column('session_count', sa.Integer(), nullable=False),
    sa.Column('price', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('duration_minutes', sa.Integer(), nullable=False),
    sa.Column('validity_days', sa.Integer(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('session_count BETWEEN 1 AND 100 AND validity_days BETWEEN 1 AND 730 AND price > 0', name='offer_is_sane'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('packages_of_tutor', 'packages', ['tutor_id', 'id'], unique=False)
    op.create_table('ratings',
    sa.Column('tutor_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('total_reviews', sa.Integer(), nullable=False),
    sa.Column('sum_of_ratings', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('tutor_id')
    )
    op.create_table('tutors',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('hourly_rate', sa.Numeric(precision=12, scale=2), nullable=True),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('subjects', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('windows', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('days_off', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('tutors_by_user', 'tutors', ['user_id'], unique=False)
    op.create_table('purchases',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True, start=2, increment=2), nullable=False),
    sa.Column('package_id', sa.BigInteger(), nullable=False),
    sa.Column('package_name', sa.String(), nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_user_id', sa.BigInteger(), nullable=False),
    sa.Column('student_id', sa.BigInteger(), nullable=False),
    sa.Column('session_count', sa.Integer(), nullable=False),
    sa.Column('credits_remaining', sa.Integer(), nullable=False),
    sa.Column('price', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('refunded', sa.Numeric(precision=12, scale=2), server_default='0', nullable=False),
    sa.Column('duration_minutes', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('version', sa.BigInteger(), server_default='1', nullable=False),
    sa.Column('purchased_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("status IN ('active', 'expired', 'refunded')", name='purchase_status_is_known'),
    sa.CheckConstraint('credits_remaining <= session_count', name='credits_are_not_invented'),
    sa.CheckConstraint('credits_remaining >= 0', name='credits_are_not_negative'),
    sa.CheckConstraint('refunded BETWEEN 0 AND price', name='purchase_refund_is_within_price'),
    sa.ForeignKeyConstraint(['package_id'], ['packages.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('purchases_of_package', 'purchases', ['package_id'], unique=False)
    op.create_index('purchases_of_student', 'purchases', ['student_id', 'id'], unique=False)
    op.create_index('purchases_of_tutor', 'purchases', ['tutor_user_id', 'id'], unique=False)
    op.create_index('purchases_to_expire', 'purchases', ['expires_at'], unique=False, postgresql_where=sa.text("status = 'active'"))
    op.create_table('bookings',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True, start=1, increment=1), nullable=False),
    sa.Column('student_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_user_id', sa.BigInteger(), nullable=False),
    sa.Column('subject_id', sa.BigInteger(), nullable=True),
    sa.Column('subject_name', sa.String(), nullable=True),
    sa.Column('start_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('end_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lesson_type', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('price', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('refunded', sa.Numeric(precision=12, scale=2), server_default='0', nullable=False),
    sa.Column('purchase_id', sa.BigInteger(), nullable=True),
    sa.Column('notes_student', sa.String(), nullable=True),
    sa.Column('room', sa.String(), server_default=sa.text("replace(gen_random_uuid()::text, '-', '')"), nullable=False),
    sa.Column('respond_by', sa.DateTime(timezone=True), nullable=False),
    sa.Column('remind_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('times_moved', sa.Integer(), server_default='0', nullable=False),
    sa.Column('free_cancellation', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('moved_by', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('version', sa.BigInteger(), server_default='1', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    postgresql.ExcludeConstraint((sa.column('student_id'), '='), (sa.text('tstzrange(start_at, end_at)'), '&&'), where=sa.text("status IN ('PENDING', 'CONFIRMED')"), using='gist', name='student_is_free'),
    postgresql.ExcludeConstraint((sa.column('tutor_id'), '='), (sa.text('tstzrange(start_at, end_at)'), '&&'), where=sa.text("status IN ('PENDING', 'CONFIRMED')"), using='gist', name='tutor_is_free'),
    sa.CheckConstraint("status IN ('PENDING', 'CONFIRMED', 'DECLINED', 'CANCELLED', 'EXPIRED', 'COMPLETED', 'NO_SHOW_STUDENT', 'NO_SHOW_TUTOR')", name='status_is_known'),
    sa.CheckConstraint('end_at > start_at', name='lesson_has_length'),
    sa.CheckConstraint('refunded BETWEEN 0 AND price', name='refund_is_within_price'),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('bookings_of_student', 'bookings', ['student_id', 'start_at', 'id'], unique=False, postgresql_include=['status', 'end_at'])
    op.create_index('bookings_of_tutor', 'bookings', ['tutor_user_id', 'start_at', 'id'], unique=False, postgresql_include=['status', 'end_at'])
    op.create_index('bookings_to_answer', 'bookings', ['respond_by'], unique=False, postgresql_where=sa.text("status = 'PENDING'"))
    op.create_index('bookings_to_complete', 'bookings', ['end_at'], unique=False, postgresql_where=sa.text("status = 'CONFIRMED'"))
    op.create_index('bookings_to_remind', 'bookings', ['remind_at'], unique=False, postgresql_where=sa.text('remind_at IS NOT NULL'))
    op.create_table('booking_moves',
    sa.Column('booking_id', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('move', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('start_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('actor_id', sa.BigInteger(), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], ),
    sa.PrimaryKeyConstraint('booking_id', 'version')
    )
    op.create_table('ledger',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True, start=1, increment=1), nullable=False),
    sa.Column('booking_id', sa.BigInteger(), nullable=True),
    sa.Column('purchase_id', sa.BigInteger(), nullable=True),
    sa.Column('student_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('amount', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('provider', sa.String(), nullable=True),
    sa.Column('reference', sa.String(), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(kind = 'charge' AND amount > 0) OR (kind = 'refund' AND amount < 0)", name='sign_fits_kind'),
    sa.CheckConstraint('num_nonnulls(booking_id, purchase_id) = 1', name='entry_is_for_one_thing'),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], ),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ledger_of_booking', 'ledger', ['booking_id'], unique=False, postgresql_where=sa.text('booking_id IS NOT NULL'))
    op.create_index('ledger_of_purchase', 'ledger', ['purchase_id'], unique=False, postgresql_where=sa.text('purchase_id IS NOT NULL'))
    op.create_index('ledger_to_settle', 'ledger', ['id'], unique=False, postgresql_where=sa.text('settled_at IS NULL'))
    op.create_table('reviews',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True, start=1, increment=1), nullable=False),
    sa.Column('booking_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_user_id', sa.BigInteger(), nullable=False),
    sa.Column('student_id', sa.BigInteger(), nullable=False),
    sa.Column('rating', sa.Integer(), nullable=False),
    sa.Column('comment', sa.String(), nullable=True),
    sa.Column('response', sa.String(), nullable=True),
    sa.Column('responded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.BigInteger(), server_default='1', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('rating BETWEEN 1 AND 5', name='rating_is_one_to_five'),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('booking_id', name='one_review_per_booking')
    )
    op.create_index('reviews_of_tutor', 'reviews', ['tutor_id', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)


def downgrade() -> None:
    op.drop_index('reviews_of_tutor', table_name='reviews')
    op.drop_table('reviews')
    op.drop_index('ledger_to_settle', table_name='ledger', postgresql_where=sa.text('settled_at IS NULL'))
    op.drop_index('ledger_of_purchase', table_name='ledger', postgresql_where=sa.text('purchase_id IS NOT NULL'))
    op.drop_index('ledger_of_booking', table_name='ledger', postgresql_where=sa.text('booking_id IS NOT NULL'))
    op.drop_table('ledger')
    op.drop_table('booking_moves')
    op.drop_index('bookings_to_remind', table_name='bookings', postgresql_where=sa.text('remind_at IS NOT NULL'))
    op.drop_index('bookings_to_complete', table_name='bookings', postgresql_where=sa.text("status = 'CONFIRMED'"))
    op.drop_index('bookings_to_answer', table_name='bookings', postgresql_where=sa.text("status = 'PENDING'"))
    op.drop_index('bookings_of_tutor', table_name='bookings', postgresql_include=['status', 'end_at'])
    op.drop_index('bookings_of_student', table_name='bookings', postgresql_include=['status', 'end_at'])
    op.drop_table('bookings')
    op.drop_index('purchases_to_expire', table_name='purchases', postgresql_where=sa.text("status = 'active'"))
    op.drop_index('purchases_of_tutor', table_name='purchases')
    op.drop_index('purchases_of_student', table_name='purchases')
    op.drop_index('purchases_of_package', table_name='purchases')
    op.drop_table('purchases')
    op.drop_index('tutors_by_user', table_name='tutors')
    op.drop_table('tutors')
    op.drop_table('ratings')
    op.drop_index('packages_of_tutor', table_name='packages')
    op.drop_table('packages')
    op.drop_table('outbox')
    op.drop_index(op.f('ix_inbox_handled_at'), table_name='inbox')
    op.drop_table('inbox')
    op.drop_index(op.f('ix_idempotency_keys_created_at'), table_name='idempotency_keys')
    op.drop_table('idempotency_keys')
    op.drop_table('accounts')
