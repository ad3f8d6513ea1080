"""The catalogue and the documents of search hold the currency beside the languages."""

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

TABLES = ("catalogue", "documents")


def upgrade() -> None:
    for table in TABLES:
        op.execute(f"""
        UPDATE {table} SET languages = array_append({table}.languages, currency::text) FROM tutors
        WHERE tutors.id = tutor_id AND currency <> ALL({table}.languages)
        """)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"""
        UPDATE {table} SET languages = array_remove({table}.languages, currency::text) FROM tutors
        WHERE tutors.id = tutor_id AND currency = ANY({table}.languages)
        """)
