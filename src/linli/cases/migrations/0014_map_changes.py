"""Which open cases changed, and in which transaction: what the memory of the map reads again (selectors/openmap.py).

Written by the database itself, so that nothing that changes a case can forget it. Kept for two hours.
"""

from django.db import migrations

# what the map shows, and what decides who sees it
_SHOWN = "x, y, state, urgent, due_at, area_path, private, source, team_id, created_by, closed_at, number"
_OLD, _NEW = (", ".join(f"{row}.{name}" for name in _SHOWN.split(", ")) for row in ("OLD", "NEW"))
FORWARD = f"""
CREATE TABLE cases_map_change (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(), case_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX cases_map_change_xid ON cases_map_change (xid);
CREATE FUNCTION cases_map_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO cases_map_change (case_id) VALUES ('00000000-0000-0000-0000-000000000000');
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO cases_map_change (case_id) VALUES (OLD.id);
    ELSE
        INSERT INTO cases_map_change (case_id) VALUES (NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cases_map_came AFTER INSERT ON cases_case FOR EACH ROW
    WHEN (NEW.closed_at IS NULL) EXECUTE FUNCTION cases_map_changed();
CREATE TRIGGER cases_map_changed AFTER UPDATE ON cases_case FOR EACH ROW
    WHEN ((OLD.closed_at IS NULL OR NEW.closed_at IS NULL) AND ({_OLD}) IS DISTINCT FROM ({_NEW}))
    EXECUTE FUNCTION cases_map_changed();
CREATE TRIGGER cases_map_went AFTER DELETE ON cases_case FOR EACH ROW
    WHEN (OLD.closed_at IS NULL) EXECUTE FUNCTION cases_map_changed();
CREATE TRIGGER cases_map_emptied AFTER TRUNCATE ON cases_case EXECUTE FUNCTION cases_map_changed();
"""
BACKWARD = """
DROP TRIGGER cases_map_came ON cases_case;
DROP TRIGGER cases_map_changed ON cases_case;
DROP TRIGGER cases_map_went ON cases_case;
DROP TRIGGER cases_map_emptied ON cases_case;
DROP FUNCTION cases_map_changed;
DROP TABLE cases_map_change;
"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0013_vacuum")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
