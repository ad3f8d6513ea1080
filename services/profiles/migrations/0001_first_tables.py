"""First tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

EXTENSIONS = ("citext", "pg_trgm", "btree_gist", "btree_gin")

# Whoever changes the catalogue, in whatever statement, leaves the difference behind: one row for each cell touched. Each row of the
# catalogue counts in the cell of its own language, rate and experience, and in those of any ('', 0, -1) in their place. An update
# that moves no tutor from one cell to another (a new rating, say) leaves none.
NOTE_CATALOGUE = """
CREATE FUNCTION note_catalogue_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO catalogue_changes (subject_id, language, hourly_rate, experience_years, tutors)
  SELECT subject_id, language, rate, years, sum(difference)
  FROM ({rows}) AS touched, unnest(array_prepend('', languages)) AS language, unnest(ARRAY[0, hourly_rate]) AS rate,
    unnest(ARRAY[-1, experience_years]) AS years
  GROUP BY 1, 2, 3, 4 HAVING sum(difference) <> 0;
  RETURN NULL;
END $$
"""
NOTE_DOCUMENTS = """
CREATE FUNCTION note_documents_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO word_changes (word, tutors)
  SELECT word, sum(difference) FROM ({rows}) AS touched, unnest(tsvector_to_array(words)) AS word
  GROUP BY 1 HAVING sum(difference) <> 0;
  RETURN NULL;
END $$
"""
WATCH = """
CREATE TRIGGER note_{event} AFTER {event} ON {table} REFERENCING {names} FOR EACH STATEMENT EXECUTE FUNCTION note_{table}_{event}()
"""
ADDED = "SELECT *, 1 AS difference FROM added"
GONE = "SELECT *, -1 AS difference FROM gone"
WATCHED = {
    "insert": ("NEW TABLE AS added", ADDED),
    "update": ("OLD TABLE AS gone NEW TABLE AS added", f"{GONE} UNION ALL {ADDED}"),
    "delete": ("OLD TABLE AS gone", GONE),
}


def upgrade() -> None:
    for extension in EXTENSIONS:
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    op.create_table('accounts',
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('first_name', sa.String(), nullable=False),
    sa.Column('last_name', sa.String(), nullable=False),
    sa.Column('avatar_url', sa.String(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('purged', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('user_id')
    )
    op.create_table('catalogue_changes',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('subject_id', sa.BigInteger(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('experience_years', sa.Integer(), nullable=False),
    sa.Column('hourly_rate', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('tutors', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('catalogue_counts',
    sa.Column('subject_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('experience_years', sa.Integer(), nullable=False),
    sa.Column('hourly_rate', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('tutors', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('subject_id', 'language', 'experience_years', 'hourly_rate')
    )
    op.create_table('stale_photos',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('name')
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
    op.create_table('lessons',
    sa.Column('booking_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), nullable=False),
    sa.Column('student_id', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('booking_id')
    )
    op.create_index('lessons_asked', 'lessons', ['tutor_id', 'requested_at'], unique=False)
    op.create_index('lessons_held', 'lessons', ['student_id'], unique=False, postgresql_where=sa.text("status = 'COMPLETED'"))
    op.create_table('outbox',
    sa.Column('position', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('exchange', sa.Text(), nullable=False),
    sa.Column('routing_key', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('position')
    )
    op.create_table('presences',
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('is_online', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('user_id')
    )
    op.create_table('ratings',
    sa.Column('tutor_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('average_rating', sa.Numeric(precision=3, scale=2), nullable=False),
    sa.Column('total_reviews', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('tutor_id')
    )
    op.create_table('subjects',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('version', sa.BigInteger(), server_default='1', nullable=False),
    sa.Column('name', postgresql.CITEXT(), nullable=False),
    sa.Column('category', sa.String(), nullable=True),
    sa.Column('description', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('name', name='subject_name_is_unique')
    )
    op.create_table('vocabulary',
    sa.Column('word', sa.String(collation='C'), nullable=False),
    sa.Column('tutors', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.PrimaryKeyConstraint('word')
    )
    op.create_index('vocabulary_similar', 'vocabulary', ['word'], unique=False, postgresql_using='gin', postgresql_ops={'word': 'gin_trgm_ops'})
    op.create_table('word_changes',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('word', sa.String(collation='C'), nullable=False),
    sa.Column('tutors', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('word_changes_by_word', 'word_changes', ['word'], unique=False)
    op.create_table('student_profiles',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('phone', sa.String(), nullable=True),
    sa.Column('bio', sa.String(), nullable=True),
    sa.Column('grade_level', sa.String(), nullable=True),
    sa.Column('school_name', sa.String(), nullable=True),
    sa.Column('learning_goals', sa.String(), nullable=True),
    sa.Column('interests', sa.String(), nullable=True),
    sa.Column('preferred_language', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['accounts.user_id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('user_id', name='one_profile_per_student')
    )
    op.create_table('tutors',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), server_default='1', nullable=False),
    sa.Column('status', sa.String(), server_default=sa.text("'incomplete'"), nullable=False),
    sa.Column('title', sa.String(), nullable=True),
    sa.Column('headline', sa.String(), nullable=True),
    sa.Column('bio', sa.String(), nullable=True),
    sa.Column('teaching_philosophy', sa.String(), nullable=True),
    sa.Column('description', sa.String(), nullable=True),
    sa.Column('experience_years', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('languages', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('hourly_rate', sa.Numeric(precision=12, scale=2), nullable=True),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=True),
    sa.Column('certifications', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('education', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('video_url', sa.String(), nullable=True),
    sa.Column('photo_name', sa.String(), nullable=True),
    sa.Column('rejection_reason', sa.String(), nullable=True),
    sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("status IN ('incomplete', 'pending_approval', 'approved', 'rejected')", name='status_is_known'),
    sa.CheckConstraint('hourly_rate BETWEEN 1 AND 1000', name='rate_is_possible'),
    sa.ForeignKeyConstraint(['user_id'], ['accounts.user_id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('user_id', name='one_profile_per_tutor')
    )
    op.create_index('tutors_approved', 'tutors', [sa.literal_column('decided_at DESC'), sa.literal_column('id DESC')], unique=False, postgresql_where=sa.text("status = 'approved'"))
    op.create_index('tutors_pending', 'tutors', ['submitted_at', 'id'], unique=False, postgresql_where=sa.text("status = 'pending_approval'"))
    op.create_table('catalogue',
    sa.Column('subject_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('average_rating', sa.Numeric(precision=3, scale=2), nullable=False),
    sa.Column('total_reviews', sa.Integer(), nullable=False),
    sa.Column('hourly_rate', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('experience_years', sa.Integer(), nullable=False),
    sa.Column('languages', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.ForeignKeyConstraint(['tutor_id'], ['tutors.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('subject_id', 'tutor_id')
    )
    op.create_index('catalogue_by_experience', 'catalogue', ['subject_id', sa.literal_column('experience_years DESC'), 'tutor_id'], unique=False, postgresql_include=['hourly_rate'])
    op.create_index('catalogue_by_language', 'catalogue', ['subject_id', 'languages'], unique=False, postgresql_using='gin')
    op.create_index('catalogue_by_rate', 'catalogue', ['subject_id', 'hourly_rate', 'tutor_id'], unique=False, postgresql_include=['experience_years'])
    op.create_index('catalogue_by_rating', 'catalogue', ['subject_id', sa.literal_column('average_rating DESC'), sa.literal_column('total_reviews DESC'), 'tutor_id'], unique=False, postgresql_include=['hourly_rate', 'experience_years'])
    op.create_index('catalogue_by_tutor', 'catalogue', ['tutor_id'], unique=False)
    op.create_table('days_off',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), nullable=False),
    sa.Column('first_date', sa.Date(), nullable=False),
    sa.Column('last_date', sa.Date(), nullable=False),
    sa.Column('start_minute', sa.Integer(), nullable=True),
    sa.Column('end_minute', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.CheckConstraint('(start_minute IS NULL) = (end_minute IS NULL) AND 0 <= start_minute AND start_minute < end_minute AND end_minute <= 1440', name='part_is_in_a_day'),
    sa.CheckConstraint('first_date <= last_date', name='days_are_in_order'),
    sa.ForeignKeyConstraint(['tutor_id'], ['tutors.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('days_off_by_tutor', 'days_off', ['tutor_id', 'first_date'], unique=False)
    op.create_table('documents',
    sa.Column('tutor_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('hourly_rate', sa.Numeric(precision=12, scale=2), nullable=False),
    sa.Column('experience_years', sa.Integer(), nullable=False),
    sa.Column('subject_ids', postgresql.ARRAY(sa.BigInteger()), nullable=False),
    sa.Column('languages', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('words', postgresql.TSVECTOR(), nullable=False),
    sa.ForeignKeyConstraint(['tutor_id'], ['tutors.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tutor_id')
    )
    op.create_index('documents_by_word', 'documents', ['words', 'subject_ids'], unique=False, postgresql_using='gin')
    op.create_table('favourites',
    sa.Column('user_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['tutor_id'], ['tutors.id'], ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['accounts.user_id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'tutor_id')
    )
    op.create_index('favourites_newest', 'favourites', ['user_id', sa.literal_column('created_at DESC'), 'tutor_id'], unique=False)
    op.create_table('stale_tutors',
    sa.Column('tutor_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['tutor_id'], ['tutors.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tutor_id')
    )
    op.create_table('tutor_subjects',
    sa.Column('tutor_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('subject_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['subject_id'], ['subjects.id'], ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tutor_id'], ['tutors.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tutor_id', 'subject_id')
    )
    op.create_index('tutor_subjects_by_subject', 'tutor_subjects', ['subject_id', 'tutor_id'], unique=False)
    op.create_table('windows',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('tutor_id', sa.BigInteger(), nullable=False),
    sa.Column('weekday', sa.Integer(), nullable=True),
    sa.Column('on_date', sa.Date(), nullable=True),
    sa.Column('start_minute', sa.Integer(), nullable=False),
    sa.Column('end_minute', sa.Integer(), nullable=False),
    postgresql.ExcludeConstraint((sa.column('tutor_id'), '='), (sa.column('on_date'), '='), (sa.text('int4range(start_minute, end_minute)'), '&&'), where=sa.text('on_date IS NOT NULL'), using='gist', name='dated_windows_are_apart'),
    postgresql.ExcludeConstraint((sa.column('tutor_id'), '='), (sa.column('weekday'), '='), (sa.text('int4range(start_minute, end_minute)'), '&&'), where=sa.text('weekday IS NOT NULL'), using='gist', name='weekly_windows_are_apart'),
    sa.CheckConstraint('(weekday IS NULL) <> (on_date IS NULL) AND weekday BETWEEN 0 AND 6', name='weekly_or_dated'),
    sa.CheckConstraint('0 <= start_minute AND start_minute < end_minute AND end_minute <= 1440', name='window_is_in_a_day'),
    sa.ForeignKeyConstraint(['tutor_id'], ['tutors.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('windows_by_tutor', 'windows', ['tutor_id'], unique=False)
    for event, (names, rows) in WATCHED.items():
        op.execute(NOTE_CATALOGUE.format(event=event, rows=rows))
        op.execute(NOTE_DOCUMENTS.format(event=event, rows=rows))
        op.execute(WATCH.format(event=event, table="catalogue", names=names))
        op.execute(WATCH.format(event=event, table="documents", names=names))


def downgrade() -> None:
    op.drop_index('windows_by_tutor', table_name='windows')
    op.drop_table('windows')
    op.drop_index('tutor_subjects_by_subject', table_name='tutor_subjects')
    op.drop_table('tutor_subjects')
    op.drop_table('stale_tutors')
    op.drop_index('favourites_newest', table_name='favourites')
    op.drop_table('favourites')
    op.drop_index('documents_by_word', table_name='documents', postgresql_using='gin')
    op.drop_table('documents')
    op.drop_index('days_off_by_tutor', table_name='days_off')
    op.drop_table('days_off')
    op.drop_index('catalogue_by_tutor', table_name='catalogue')
    op.drop_index('catalogue_by_rating', table_name='catalogue', postgresql_include=['hourly_rate', 'experience_years'])
    op.drop_index('catalogue_by_rate', table_name='catalogue', postgresql_include=['experience_years'])
    op.drop_index('catalogue_by_language', table_name='catalogue', postgresql_using='gin')
    op.drop_index('catalogue_by_experience', table_name='catalogue', postgresql_include=['hourly_rate'])
    op.drop_table('catalogue')
    op.drop_index('tutors_pending', table_name='tutors', postgresql_where=sa.text("status = 'pending_approval'"))
    op.drop_index('tutors_approved', table_name='tutors', postgresql_where=sa.text("status = 'approved'"))
    op.drop_table('tutors')
    op.drop_table('student_profiles')
    op.drop_index('vocabulary_similar', table_name='vocabulary', postgresql_using='gin', postgresql_ops={'word': 'gin_trgm_ops'})
    op.drop_table('vocabulary')
    op.drop_table('word_changes')
    op.drop_table('subjects')
    op.drop_table('ratings')
    op.drop_table('presences')
    op.drop_table('outbox')
    op.drop_index('lessons_held', table_name='lessons', postgresql_where=sa.text("status = 'COMPLETED'"))
    op.drop_index('lessons_asked', table_name='lessons')
    op.drop_table('lessons')
    op.drop_index(op.f('ix_inbox_handled_at'), table_name='inbox')
    op.drop_table('inbox')
    op.drop_index(op.f('ix_idempotency_keys_created_at'), table_name='idempotency_keys')
    op.drop_table('idempotency_keys')
    op.drop_table('stale_photos')
    op.drop_table('catalogue_counts')
    op.drop_table('catalogue_changes')
    op.drop_table('accounts')
    for event in WATCHED:
        op.execute(f"DROP FUNCTION note_catalogue_{event}, note_documents_{event}")
