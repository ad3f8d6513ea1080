"""Sessions, revocations, lockout, mail tokens, stale files, rotated keys; search and orders of accounts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table('login_failures',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('subject', sa.LargeBinary(), nullable=False),
    sa.Column('network', sa.String(), nullable=False),
    sa.Column('failed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_login_failures_failed_at'), 'login_failures', ['failed_at'], unique=False)
    op.create_index('login_failures_of_pair', 'login_failures', ['subject', 'network', 'failed_at'], unique=False)
    op.create_index('login_failures_of_subject', 'login_failures', ['subject', 'failed_at'], unique=False)
    op.create_table('revocations',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.BigInteger(), nullable=False),
    sa.Column('below_version', sa.Integer(), nullable=True),
    sa.Column('session_id', sa.String(), nullable=True),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('event_id')
    )
    op.create_index(op.f('ix_revocations_until'), 'revocations', ['until'], unique=False)
    op.create_table('signing_keys',
    sa.Column('kid', sa.String(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('signs_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('is_alone', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('kid')
    )
    op.create_table('stale_files',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_index(op.f('ix_stale_files_since'), 'stale_files', ['since'], unique=False)
    op.create_table('mail_tokens',
    sa.Column('account_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent', sa.Integer(), nullable=False),
    sa.Column('counted_from', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('verify_email', 'reset_password')", name='kind_is_known'),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('account_id', 'kind'),
    sa.UniqueConstraint('digest', name='mail_token_is_unique')
    )
    op.create_index(op.f('ix_mail_tokens_expires_at'), 'mail_tokens', ['expires_at'], unique=False)
    op.create_table('sessions',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.BigInteger(), nullable=False),
    sa.Column('network', sa.String(), nullable=False),
    sa.Column('user_agent', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_sessions_expires_at'), 'sessions', ['expires_at'], unique=False)
    op.create_index('sessions_of_account', 'sessions', ['account_id', 'created_at'], unique=False)
    op.create_table('refresh_tokens',
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('spent_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['session_id'], ['sessions.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('digest')
    )
    op.create_index(op.f('ix_refresh_tokens_session_id'), 'refresh_tokens', ['session_id'], unique=False)
    op.add_column('accounts', sa.Column('deletion_reason', sa.String(), nullable=True))
    op.create_index('accounts_deleted', 'accounts', ['deleted_at', 'id'], unique=False, postgresql_where=sa.text('deleted_at IS NOT NULL AND purged_at IS NULL'))
    op.create_index('accounts_newest_of_role', 'accounts', ['role', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('accounts_search', 'accounts', [sa.literal_column("lower((((email::text || ' '::text) || first_name::text) || ' '::text) || last_name::text) gin_trgm_ops")], unique=False, postgresql_using='gin')


def downgrade() -> None:
    op.drop_index('accounts_search', table_name='accounts', postgresql_using='gin')
    op.drop_index('accounts_newest_of_role', table_name='accounts')
    op.drop_index('accounts_deleted', table_name='accounts', postgresql_where=sa.text('deleted_at IS NOT NULL AND purged_at IS NULL'))
    op.drop_column('accounts', 'deletion_reason')
    op.drop_index(op.f('ix_refresh_tokens_session_id'), table_name='refresh_tokens')
    op.drop_table('refresh_tokens')
    op.drop_index('sessions_of_account', table_name='sessions')
    op.drop_index(op.f('ix_sessions_expires_at'), table_name='sessions')
    op.drop_table('sessions')
    op.drop_index(op.f('ix_mail_tokens_expires_at'), table_name='mail_tokens')
    op.drop_table('mail_tokens')
    op.drop_index(op.f('ix_stale_files_since'), table_name='stale_files')
    op.drop_table('stale_files')
    op.drop_table('signing_keys')
    op.drop_index(op.f('ix_revocations_until'), table_name='revocations')
    op.drop_table('revocations')
    op.drop_index('login_failures_of_subject', table_name='login_failures')
    op.drop_index('login_failures_of_pair', table_name='login_failures')
    op.drop_index(op.f('ix_login_failures_failed_at'), table_name='login_failures')
    op.drop_table('login_failures')
