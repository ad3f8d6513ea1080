"""First tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')
    op.create_table('blocks',
    sa.Column('blocker_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('blocked_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('blocker_id <> blocked_id', name='nobody_blocks_themselves'),
    sa.PrimaryKeyConstraint('blocker_id', 'blocked_id')
    )
    op.create_index('blocks_newest', 'blocks', ['blocker_id', sa.literal_column('created_at DESC'), 'blocked_id'], unique=False)
    op.create_table('bookings',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('student_id', sa.BigInteger(), nullable=False),
    sa.Column('tutor_user_id', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('doomed_files',
    sa.Column('object_name', sa.String(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('object_name')
    )
    op.create_index(op.f('ix_doomed_files_due_at'), 'doomed_files', ['due_at'], unique=False)
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
    op.create_table('messages',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('sender_id', sa.BigInteger(), nullable=False),
    sa.Column('recipient_id', sa.BigInteger(), nullable=False),
    sa.Column('low_id', sa.BigInteger(), sa.Computed('LEAST(sender_id, recipient_id)', persisted=True), nullable=False),
    sa.Column('high_id', sa.BigInteger(), sa.Computed('GREATEST(sender_id, recipient_id)', persisted=True), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('booking_id', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('edited_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("deleted_at IS NULL OR text = ''", name='tombstone_has_no_text'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('low_id', 'high_id', 'position', name='position_is_unique')
    )
    op.create_index('messages_search', 'messages', [sa.literal_column('(ARRAY[low_id, high_id])'), 'text'], unique=False, postgresql_using='gin', postgresql_ops={'text': 'gin_trgm_ops'}, postgresql_with={'gin_pending_list_limit': '256'})
    op.create_index('messages_unread', 'messages', ['recipient_id', 'sender_id'], unique=False, postgresql_where=sa.text('read_at IS NULL AND deleted_at IS NULL'))
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
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('avatar_url', sa.String(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('attachments',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('message_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('content_type', sa.String(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('object_name', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['message_id'], ['messages.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('message_id')
    )
    op.create_table('threads',
    sa.Column('owner_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('other_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('message_count', sa.BigInteger(), nullable=False),
    sa.Column('unread_count', sa.BigInteger(), nullable=False),
    sa.Column('last_message_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('owner_id <> other_id', name='thread_has_two_people'),
    sa.CheckConstraint('unread_count BETWEEN 0 AND message_count', name='unread_count_is_possible'),
    sa.ForeignKeyConstraint(['other_id'], ['people.id'], name='other_is_known'),
    sa.ForeignKeyConstraint(['owner_id'], ['people.id'], name='owner_is_known'),
    sa.PrimaryKeyConstraint('owner_id', 'other_id')
    )
    op.create_index('threads_newest', 'threads', ['owner_id', sa.literal_column('last_message_at DESC'), 'other_id'], unique=False)
    op.create_index('threads_unread', 'threads', ['owner_id'], unique=False, postgresql_include=['unread_count'], postgresql_where=sa.text('unread_count > 0'))


def downgrade() -> None:
    op.drop_index('threads_unread', table_name='threads', postgresql_include=['unread_count'], postgresql_where=sa.text('unread_count > 0'))
    op.drop_index('threads_newest', table_name='threads')
    op.drop_table('threads')
    op.drop_table('attachments')
    op.drop_table('people')
    op.drop_table('outbox')
    op.drop_index('messages_unread', table_name='messages', postgresql_where=sa.text('read_at IS NULL AND deleted_at IS NULL'))
    op.drop_index('messages_search', table_name='messages', postgresql_using='gin', postgresql_with={'gin_pending_list_limit': '256'})
    op.drop_table('messages')
    op.drop_index(op.f('ix_inbox_handled_at'), table_name='inbox')
    op.drop_table('inbox')
    op.drop_index(op.f('ix_idempotency_keys_created_at'), table_name='idempotency_keys')
    op.drop_table('idempotency_keys')
    op.drop_index(op.f('ix_doomed_files_due_at'), table_name='doomed_files')
    op.drop_table('doomed_files')
    op.drop_table('bookings')
    op.drop_index('blocks_newest', table_name='blocks')
    op.drop_table('blocks')
