"""Purged people are anonymised in the audit log too, by a function that can do nothing else."""

from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

# Of what was done to an account only rights stay: they tell who could do what, and of nobody who it was.
FORGET = """
CREATE FUNCTION forget_in_audit(person bigint) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  UPDATE audit_log SET details = jsonb_build_object('anonymised', true) || (
    SELECT coalesce(jsonb_object_agg(said.key, CASE jsonb_typeof(said.value)
      WHEN 'object' THEN (
        SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(said.value) AS f WHERE f.key IN ('role', 'is_active'))
      ELSE said.value END), '{}')
    FROM jsonb_each(details) AS said
    WHERE said.key IN ('old_role', 'new_role') OR said.key IN ('before', 'after') AND jsonb_typeof(said.value) = 'object')
  WHERE target_type = 'user' AND target_id = person AND NOT details ? 'anonymised';
  UPDATE audit_log SET details = details - 'reason' || jsonb_build_object('anonymised', true)
  WHERE target_type = 'tutor' AND target_id IN (SELECT tutor_id FROM tutors WHERE user_id = person) AND NOT details ? 'anonymised';
  UPDATE audit_log SET ip_address = NULL, user_agent = NULL
  WHERE (user_id = person OR user_id IS NULL AND target_type = 'user' AND target_id = person)
    AND (ip_address IS NOT NULL OR user_agent IS NOT NULL);
$$
"""

# Whoever has rights here without being the owner is the runtime role.
RIGHTS = """
DO $$
DECLARE runtime text;
BEGIN
  REVOKE ALL ON FUNCTION forget_in_audit(bigint) FROM PUBLIC;
  FOR runtime IN
    SELECT DISTINCT grantee::regrole::text FROM pg_class, aclexplode(relacl)
    WHERE oid = 'audit_log'::regclass AND grantee NOT IN (relowner, 0)
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION forget_in_audit(bigint) TO %s', runtime);
  END LOOP;
END $$
"""


def upgrade() -> None:
    op.create_index('audit_by_target', 'audit_log', ['target_type', 'target_id'], unique=False)
    op.execute(FORGET)
    op.execute(RIGHTS)


def downgrade() -> None:
    op.execute("DROP FUNCTION forget_in_audit(bigint)")
    op.drop_index('audit_by_target', table_name='audit_log')
