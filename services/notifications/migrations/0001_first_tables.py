"""First tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('deliveries',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=True),
    sa.Column('content', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('status', sa.String(), server_default='waiting', nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('not_after', sa.DateTime(timezone=True), nullable=False),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('waiting', 'handed_over', 'sent', 'refused', 'skipped', 'expired', 'unknown')", name='status_is_known'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('event_id', 'user_id', 'channel', name='once_per_event_person_and_channel')
    )
    op.create_index('deliveries_due', 'deliveries', ['channel', 'next_at'], unique=False, postgresql_where=sa.text("status = 'waiting'"))
    op.create_index('deliveries_finished', 'deliveries', ['finished_at'], unique=False, postgresql_where=sa.text('finished_at IS NOT NULL'))
    op.create_index('deliveries_handed_over', 'deliveries', ['next_at'], unique=False, postgresql_where=sa.text("status = 'handed_over'"))
    op.create_index('deliveries_of_person', 'deliveries', ['user_id'], unique=False)
    op.create_table('hubs',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('beat_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
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
    op.create_table('live_heads',
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('user_id')
    )
    op.create_table('live_messages',
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('event_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('user_id', 'event_id')
    )
    op.create_index('live_messages_oldest', 'live_messages', ['created_at'], unique=False)
    op.create_table('notifications',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('message', sa.String(), nullable=False),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('about_id', sa.BigInteger(), nullable=True),
    sa.Column('about_name', sa.String(), nullable=True),
    sa.Column('fold_key', sa.String(), nullable=True),
    sa.Column('folded', sa.Integer(), server_default='1', nullable=False),
    sa.Column('newest_id', sa.BigInteger(), nullable=True),
    sa.Column('is_read', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('event_id', 'user_id', name='once_per_event_and_person')
    )
    op.create_index('notifications_about', 'notifications', ['about_id'], unique=False, postgresql_where=sa.text('about_id IS NOT NULL'))
    op.create_index('notifications_newest', 'notifications', ['user_id', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('notifications_unread', 'notifications', ['user_id', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False, postgresql_where=sa.text('NOT is_read'))
    op.create_index('unread_is_folded', 'notifications', ['user_id', 'fold_key'], unique=True, postgresql_where=sa.text('NOT is_read AND fold_key IS NOT NULL'))
    op.create_table('outbox',
    sa.Column('position', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('exchange', sa.Text(), nullable=False),
    sa.Column('routing_key', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('position')
    )
    op.create_table('people',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('first_name', sa.String(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('is_purged', sa.Boolean(), nullable=False),
    sa.Column('wants_email', sa.Boolean(), nullable=False),
    sa.Column('wants_push', sa.Boolean(), nullable=False),
    sa.Column('wants_sms', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('presence',
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('is_online', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('version', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('user_id')
    )
    op.create_table('threads',
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('other_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('read_up_to', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('user_id', 'other_id')
    )
    op.create_table('connected',
    sa.Column('hub_id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['hub_id'], ['hubs.id'], name='hub_is_alive', ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('hub_id', 'user_id')
    )
    op.create_index('connected_users', 'connected', ['user_id'], unique=False)


def downgrade() -> None:
    op.drop_index('connected_users', table_name='connected')
    op.drop_table('connected')
    op.drop_table('threads')
    op.drop_table('presence')
    op.drop_table('people')
    op.drop_table('outbox')
    op.drop_index('unread_is_folded', table_name='notifications', postgresql_where=sa.text('NOT is_read AND fold_key IS NOT NULL'))
    op.drop_index('notifications_unread', table_name='notifications', postgresql_where=sa.text('NOT is_read'))
    op.drop_index('notifications_newest', table_name='notifications')
    op.drop_index('notifications_about', table_name='notifications', postgresql_where=sa.text('about_id IS NOT NULL'))
    op.drop_table('notifications')
    op.drop_index('live_messages_oldest', table_name='live_messages')
    op.drop_table('live_messages')
    op.drop_table('live_heads')
    op.drop_index(op.f('ix_inbox_handled_at'), table_name='inbox')
    op.drop_table('inbox')
    op.drop_index(op.f('ix_idempotency_keys_created_at'), table_name='idempotency_keys')
    op.drop_table('idempotency_keys')
    op.drop_table('hubs')
    op.drop_index('deliveries_of_person', table_name='deliveries')
    op.drop_index('deliveries_handed_over', table_name='deliveries', postgresql_where=sa.text("status = 'handed_over'"))
    op.drop_index('deliveries_finished', table_name='deliveries', postgresql_where=sa.text('finished_at IS NOT NULL'))
    op.drop_index('deliveries_due', table_name='deliveries', postgresql_where=sa.text("status = 'waiting'"))
    op.drop_table('deliveries')
