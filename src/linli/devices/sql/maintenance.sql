-- Planned works: alarms raised at their devices meanwhile are held. Rules go on judging.

-- The window in force at a device, if there is one; of several the one that lasts longest.
CREATE OR REPLACE FUNCTION devices_maintenance_of(which uuid, at timestamptz) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT m.id FROM devices_maintenance m, devices_device d
    WHERE d.id = which AND m.starts_at <= at AND m.ends_at > at AND m.ended_at IS NULL
      AND (m.area_path = '' OR d.area_path = m.area_path OR starts_with(d.area_path, m.area_path || '.'))
      AND (m.device_ids IS NULL OR d.id = ANY(m.device_ids))
      AND (m.tags IS NULL OR d.tags && m.tags)
      AND (m.model_codes IS NULL OR d.model_id = ANY(m.model_codes))
    ORDER BY m.ends_at DESC, m.id LIMIT 1
$$;

-- A held alarm is looked at by nobody, and begins no storm, until its works are over.
CREATE OR REPLACE FUNCTION devices_alarm_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM devices_maintenance m WHERE m.ended_at IS NULL AND m.ends_at > clock_timestamp()) THEN
        NEW.maintenance_id := devices_maintenance_of(NEW.device_id, clock_timestamp());
        IF NEW.maintenance_id IS NOT NULL THEN
            NEW.looked_at := clock_timestamp();
        END IF;
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS devices_alarm_hold ON devices_alarm;
CREATE TRIGGER devices_alarm_hold BEFORE INSERT ON devices_alarm FOR EACH ROW EXECUTE FUNCTION devices_alarm_hold();

-- What consumers are told of an alarm. One that is held is raised for nobody: it makes no case and no notice.
CREATE OR REPLACE FUNCTION devices_alarm_event(a devices_alarm, event_type text, event_id uuid)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO kernel_outbox (id, type, envelope, created_at)
    SELECT event_id, t.type, jsonb_build_object(
        'id', event_id, 'type', t.type, 'at', devices_iso(clock_timestamp()), 'kind', 'alarm', 'ref', a.id,
        'area', a.area_path, 'centre', NULL, 'audience', 'staff', 'permission', 'alarms.view',
        'data', devices_alarm_data(a) || jsonb_build_object(
            'incident_id', a.incident_id, 'in_maintenance', a.maintenance_id IS NOT NULL)), clock_timestamp()
    FROM (SELECT CASE WHEN event_type = 'alarm.raised' AND a.maintenance_id IS NOT NULL THEN 'alarm.held'
                      ELSE event_type END AS type) t
$$;

-- As in incidents.sql, without what is held.
CREATE OR REPLACE FUNCTION devices_incident_pool(around interval) RETURNS SETOF uuid LANGUAGE sql AS $$
    SELECT a.id FROM devices_alarm a
    WHERE a.cleared_at IS NULL AND a.incident_id IS NULL AND NOT a.apart AND a.maintenance_id IS NULL
      AND a.raised_at >= (SELECT min(f.raised_at) - around FROM devices_alarm f
                          WHERE f.cleared_at IS NULL AND f.looked_at IS NULL)
    FOR NO KEY UPDATE SKIP LOCKED
$$;

-- Alarms that still stand when their works are over come to life, unless other works go on there. Returns those that
-- do; what sense changes this moment is found next time.
CREATE OR REPLACE FUNCTION devices_maintenance_release(at timestamptz) RETURNS SETOF uuid LANGUAGE sql AS $$
    WITH over AS (
        SELECT a.id, devices_maintenance_of(a.device_id, at) AS other
        FROM devices_alarm a JOIN devices_maintenance m ON m.id = a.maintenance_id
        WHERE a.cleared_at IS NULL AND devices_maintenance_of(a.device_id, at) IS DISTINCT FROM a.maintenance_id
        FOR NO KEY UPDATE OF a SKIP LOCKED
    ), done AS (
        UPDATE devices_alarm a SET maintenance_id = o.other, changed_at = at,
               looked_at = CASE WHEN o.other IS NULL THEN NULL ELSE a.looked_at END
        FROM over o WHERE a.id = o.id RETURNING a.id, a.maintenance_id
    )
    SELECT d.id FROM done d WHERE d.maintenance_id IS NULL
$$;
