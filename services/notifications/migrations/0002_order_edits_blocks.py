"""Messages in order, edits remembered, blocks, letters that wait for reading; urgent letters first."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('blocks',
    sa.Column('blocker_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('blocked_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('is_blocked', sa.Boolean(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('blocker_id', 'blocked_id')
    )
    op.create_index(op.f('ix_blocks_blocked_id'), 'blocks', ['blocked_id'], unique=False)
    op.create_table('early_messages',
    sa.Column('low_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('high_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('event', sa.String(), nullable=False),
    sa.Column('held_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('low_id', 'high_id', 'position')
    )
    op.create_index(op.f('ix_early_messages_held_at'), 'early_messages', ['held_at'], unique=False)
    op.create_table('edits',
    sa.Column('message_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('sender_id', sa.BigInteger(), nullable=False),
    sa.Column('message', sa.String(), nullable=True),
    sa.Column('edited_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('noted_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('message_id')
    )
    op.create_index(op.f('ix_edits_noted_at'), 'edits', ['noted_at'], unique=False)
    op.create_index(op.f('ix_edits_sender_id'), 'edits', ['sender_id'], unique=False)
    op.add_column('deliveries', sa.Column('notification_id', sa.BigInteger(), nullable=True))
    op.add_column('deliveries', sa.Column('priority', sa.SmallInteger(), server_default='1', nullable=False))
    op.drop_index('deliveries_due', table_name='deliveries', postgresql_where=sa.text("status = 'waiting'"))
    op.create_index('deliveries_due', 'deliveries', ['channel', 'priority', 'next_at'], unique=False, postgresql_where=sa.text("status = 'waiting'"))
    op.add_column('notifications', sa.Column('oldest_id', sa.BigInteger(), nullable=True))
    op.add_column('threads', sa.Column('told', sa.BigInteger(), nullable=True))  # of threads that exist it is unknown
    op.alter_column('threads', 'told', server_default='0')


def downgrade() -> None:
    op.drop_column('threads', 'told')
    op.drop_column('notifications', 'oldest_id')
    op.drop_index('deliveries_due', table_name='deliveries', postgresql_where=sa.text("status = 'waiting'"))
    op.create_index('deliveries_due', 'deliveries', ['channel', 'next_at'], unique=False, postgresql_where=sa.text("status = 'waiting'"))
    op.drop_column('deliveries', 'priority')
    op.drop_column('deliveries', 'notification_id')
    op.drop_index(op.f('ix_edits_sender_id'), table_name='edits')
    op.drop_index(op.f('ix_edits_noted_at'), table_name='edits')
    op.drop_table('edits')
    op.drop_index(op.f('ix_early_messages_held_at'), table_name='early_messages')
    op.drop_table('early_messages')
    op.drop_index(op.f('ix_blocks_blocked_id'), table_name='blocks')
    op.drop_table('blocks')
