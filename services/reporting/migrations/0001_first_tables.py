"""First tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

# What a row is worth to the dashboards: one function for each table, and the one place where it is said. A measure without a month is
# kept under 0001-01-01. Whoever paid with a package paid when it was bought, so such bookings bring no revenue of their own.
USER_COUNTS = """
CREATE FUNCTION counts_of(r users) RETURNS TABLE (measure text, month date, key text, value numeric) LANGUAGE sql IMMUTABLE AS $$
  VALUES
    ('accounts', DATE '0001-01-01', r.role, (r.deleted_at IS NULL)::int::numeric),
    ('registered', date_trunc('month', r.created_at AT TIME ZONE 'UTC')::date, r.role, 1),
    ('deleted', date_trunc('month', r.deleted_at AT TIME ZONE 'UTC')::date, r.role, 1)
$$
"""
TUTOR_COUNTS = """
CREATE FUNCTION counts_of(r tutors) RETURNS TABLE (measure text, month date, key text, value numeric) LANGUAGE sql IMMUTABLE AS $$
  VALUES ('tutors', DATE '0001-01-01', r.status, r.is_active::int::numeric)
$$
"""
BOOKING_COUNTS = """
CREATE FUNCTION counts_of(r bookings) RETURNS TABLE (measure text, month date, key text, value numeric) LANGUAGE sql IMMUTABLE AS $$
  SELECT c.measure, c.month, c.key, c.value * CASE c.measure
      WHEN 'sold' THEN sells::int WHEN 'revenue' THEN sells::int ELSE 1 END
  FROM (SELECT r.status IN ('CONFIRMED', 'COMPLETED') AND r.purchase_id IS NULL AS sells,
               date_trunc('month', r.created_at AT TIME ZONE 'UTC')::date AS sold_in) AS b,
  LATERAL (VALUES
    ('bookings', DATE '0001-01-01', r.status, 1::numeric),
    ('subjects', DATE '0001-01-01', coalesce(r.subject_id::text, ''), 1),
    ('sold', sold_in, 'bookings', 1),
    ('revenue', sold_in, r.currency, r.price - r.refunded)
  ) AS c (measure, month, key, value)
$$
"""
PURCHASE_COUNTS = """
CREATE FUNCTION counts_of(r purchases) RETURNS TABLE (measure text, month date, key text, value numeric) LANGUAGE sql IMMUTABLE AS $$
  SELECT c.measure, date_trunc('month', r.purchased_at AT TIME ZONE 'UTC')::date, c.key, c.value
  FROM (VALUES ('sold', 'packages', 1::numeric), ('revenue', r.currency, r.price - r.refunded)) AS c (measure, key, value)
$$
"""

# In the order of the key, so that two writers never wait for each other crosswise.
COUNT = """
CREATE FUNCTION count_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO counters AS kept (measure, month, key, value)
  SELECT d.measure, d.month, d.key, sum(d.value) FROM (
    SELECT n.measure, n.month, n.key, n.value FROM counts_of(NEW) AS n WHERE TG_OP <> 'DELETE'
    UNION ALL
    SELECT o.measure, o.month, o.key, -o.value FROM counts_of(OLD) AS o WHERE TG_OP <> 'INSERT'
  ) AS d
  WHERE d.month IS NOT NULL
  GROUP BY d.measure, d.month, d.key HAVING sum(d.value) <> 0 ORDER BY d.measure, d.month, d.key
  ON CONFLICT (measure, month, key) DO UPDATE SET value = kept.value + excluded.value;
  RETURN NULL;
END $$
"""
TRIGGER = "CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION count_{table}()"
COUNTED = ("users", "tutors", "bookings", "purchases")

# Whoever has rights here without being the owner is the runtime role.
RIGHTS = """
DO $$
DECLARE runtime text;
BEGIN
  FOR runtime IN
    SELECT DISTINCT grantee::regrole::text FROM pg_class, aclexplode(relacl)
    WHERE oid = 'audit_log'::regclass AND grantee NOT IN (relowner, 0)
  LOOP
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM %s', runtime);
    EXECUTE format('GRANT TRUNCATE ON users, tutors, subjects, bookings, purchases, counters TO %s', runtime);
  END LOOP;
END $$
"""


def upgrade() -> None:
    op.create_table('activities',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('other_user_id', sa.BigInteger(), nullable=True),
    sa.Column('target_type', sa.String(), nullable=False),
    sa.Column('target_id', sa.BigInteger(), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('event_id')
    )
    op.create_index('activities_newest', 'activities', [sa.literal_column('occurred_at DESC'), sa.literal_column('event_id DESC')], unique=False)
    op.create_table('audit_log',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('service', sa.String(), nullable=False),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('target_type', sa.String(), nullable=True),
    sa.Column('target_id', sa.BigInteger(), nullable=True),
    sa.Column('details', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('ip_address', sa.String(), nullable=True),
    sa.Column('user_agent', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('event_id', name='audited_once')
    )
    op.create_index('audit_by_action', 'audit_log', ['action', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('audit_by_user', 'audit_log', ['user_id', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('audit_newest', 'audit_log', [sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_table('bookings',
    sa.Column('booking_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('student_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_user_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), nullable=False),
    sa.Column('subject_id', sa.BigInteger(), nullable=True),
    sa.Column('subject_name', sa.String(), nullable=True),
    sa.Column('start_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('end_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lesson_type', sa.String(), nullable=False),
    sa.Column('price', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('refunded', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('purchase_id', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('booking_id')
    )
    op.create_index('bookings_by_subject', 'bookings', ['subject_id', sa.literal_column('booking_id DESC')], unique=False)
    op.create_index('upcoming', 'bookings', ['start_at', 'booking_id'], unique=False, postgresql_where=sa.text("status IN ('PENDING', 'CONFIRMED')"))
    op.create_table('counters',
    sa.Column('measure', sa.String(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('value', sa.Numeric(precision=20, scale=2), nullable=False),
    sa.PrimaryKeyConstraint('measure', 'month', 'key')
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
    op.create_table('purchases',
    sa.Column('purchase_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('package_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), nullable=False),
    sa.Column('student_id', sa.BigInteger(), nullable=False),
    sa.Column('price', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('refunded', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('credits_remaining', sa.Integer(), nullable=False),
    sa.Column('purchased_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('purchase_id')
    )
    op.create_table('subjects',
    sa.Column('subject_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('deleted', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('subject_id')
    )
    op.create_table('tutors',
    sa.Column('tutor_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('tutor_id')
    )
    op.create_table('users',
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('first_name', sa.String(), nullable=False),
    sa.Column('last_name', sa.String(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('purged', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('user_id')
    )
    for statement in (USER_COUNTS, TUTOR_COUNTS, BOOKING_COUNTS, PURCHASE_COUNTS):
        op.execute(statement)
    for table in COUNTED:
        op.execute(COUNT.format(table=table))
        op.execute(TRIGGER.format(table=table))
    op.execute('ALTER TABLE counters SET (fillfactor = 50)')  # rewritten all the time: leave room to do it in place
    op.execute(RIGHTS)


def downgrade() -> None:
    op.drop_table('users')
    op.drop_table('tutors')
    op.drop_table('subjects')
    op.drop_table('purchases')
    op.drop_table('outbox')
    op.drop_index(op.f('ix_inbox_handled_at'), table_name='inbox')
    op.drop_table('inbox')
    op.drop_index(op.f('ix_idempotency_keys_created_at'), table_name='idempotency_keys')
    op.drop_table('idempotency_keys')
    op.drop_table('counters')
    op.drop_index('upcoming', table_name='bookings', postgresql_where=sa.text("status IN ('PENDING', 'CONFIRMED')"))
    op.drop_index('bookings_by_subject', table_name='bookings')
    op.drop_table('bookings')
    op.drop_index('audit_newest', table_name='audit_log')
    op.drop_index('audit_by_user', table_name='audit_log')
    op.drop_index('audit_by_action', table_name='audit_log')
    op.drop_table('audit_log')
    op.drop_index('activities_newest', table_name='activities')
    op.drop_table('activities')
