"""Whoever changes what search shows leaves a note, so that a page found before is known to be the same still, or not."""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

# With every change of what cards show of an account, its rating or its subjects one of these is written, too.
NOTED = ('tutors', 'catalogue', 'subjects', 'vocabulary')
NOTE = """
CREATE FUNCTION note_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM touched) THEN
    INSERT INTO search_changes (changes) VALUES (1);
  END IF;
  RETURN NULL;
END $$
"""
WATCH = """
CREATE TRIGGER note_search_{event} AFTER {event} ON {table} REFERENCING {rows} TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_search()
"""
EVENTS = {'insert': 'NEW', 'update': 'NEW', 'delete': 'OLD'}


def upgrade() -> None:
    op.create_table('search_changes',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('changes', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.execute(NOTE)
    for table in NOTED:
        for event, rows in EVENTS.items():
            op.execute(WATCH.format(event=event, table=table, rows=rows))


def downgrade() -> None:
    op.execute("DROP FUNCTION note_search CASCADE")
    op.drop_table('search_changes')
