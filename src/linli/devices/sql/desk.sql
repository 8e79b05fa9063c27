-- The alarm desk: since when an alarm waits for somebody, and what is told of who has it.

-- An alarm that planned works let go, or that was taken out of its incident, waits from now on.
CREATE OR REPLACE FUNCTION devices_alarm_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.incident_id IS NOT NULL AND NEW.incident_id IS NULL)
       OR (OLD.maintenance_id IS NOT NULL AND NEW.maintenance_id IS NULL) THEN
        NEW.waits_from := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS devices_alarm_waits ON devices_alarm;
CREATE TRIGGER devices_alarm_waits BEFORE UPDATE OF incident_id, maintenance_id ON devices_alarm
    FOR EACH ROW EXECUTE FUNCTION devices_alarm_waits();

-- As in maintenance.sql, with who has it: a team by its id, of a person only that there is one.
CREATE OR REPLACE FUNCTION devices_alarm_event(a devices_alarm, event_type text, event_id uuid)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO kernel_outbox (id, type, envelope, created_at)
    SELECT event_id, t.type, jsonb_build_object(
        'id', event_id, 'type', t.type, 'at', devices_iso(clock_timestamp()), 'kind', 'alarm', 'ref', a.id,
        'area', a.area_path, 'centre', NULL, 'audience', 'staff', 'permission', 'alarms.view',
        'data', devices_alarm_data(a) || jsonb_build_object(
            'incident_id', a.incident_id, 'in_maintenance', a.maintenance_id IS NOT NULL,
            'assigned', a.assignee_id IS NOT NULL OR a.team_id IS NOT NULL, 'team_id', a.team_id)), clock_timestamp()
    FROM (SELECT CASE WHEN event_type = 'alarm.raised' AND a.maintenance_id IS NOT NULL THEN 'alarm.held'
                      ELSE event_type END AS type) t
$$;
