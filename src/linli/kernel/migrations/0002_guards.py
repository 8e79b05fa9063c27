"""What the database itself guards: NOTIFY for the relay, and tables that nobody changes."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION kernel_outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('linli_outbox', '');
  RETURN NULL;
END $$;
CREATE TRIGGER kernel_outbox_notify AFTER INSERT ON kernel_outbox
  FOR EACH STATEMENT EXECUTE FUNCTION kernel_outbox_notify();

CREATE OR REPLACE FUNCTION kernel_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER kernel_audit_append_only BEFORE UPDATE OR DELETE ON kernel_audit
  FOR EACH STATEMENT EXECUTE FUNCTION kernel_append_only();
CREATE TRIGGER kernel_audit_seal_append_only BEFORE UPDATE OR DELETE ON kernel_audit_seal
  FOR EACH STATEMENT EXECUTE FUNCTION kernel_append_only();
CREATE TRIGGER kernel_personal_read_append_only BEFORE UPDATE ON kernel_personal_read
  FOR EACH STATEMENT EXECUTE FUNCTION kernel_append_only();
CREATE TRIGGER kernel_no_truncate BEFORE TRUNCATE ON kernel_audit
  FOR EACH STATEMENT EXECUTE FUNCTION kernel_append_only();
CREATE TRIGGER kernel_no_truncate BEFORE TRUNCATE ON kernel_audit_seal
  FOR EACH STATEMENT EXECUTE FUNCTION kernel_append_only();
CREATE TRIGGER kernel_no_truncate BEFORE TRUNCATE ON kernel_personal_read
  FOR EACH STATEMENT EXECUTE FUNCTION kernel_append_only();
"""
BACKWARD = """
DROP TRIGGER kernel_no_truncate ON kernel_personal_read;
DROP TRIGGER kernel_no_truncate ON kernel_audit_seal;
DROP TRIGGER kernel_no_truncate ON kernel_audit;
DROP TRIGGER kernel_personal_read_append_only ON kernel_personal_read;
DROP TRIGGER kernel_audit_seal_append_only ON kernel_audit_seal;
DROP TRIGGER kernel_audit_append_only ON kernel_audit;
DROP FUNCTION kernel_append_only();
DROP TRIGGER kernel_outbox_notify ON kernel_outbox;
DROP FUNCTION kernel_outbox_notify();
"""


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
