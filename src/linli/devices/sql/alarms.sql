-- Alarms of sense: one statement a tick, fenced by the lease's epoch, events in the same transaction.
-- Idempotent by (device, rule, started_at): replaying the stream from a snapshot changes nothing twice.

CREATE OR REPLACE FUNCTION devices_iso(at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
$$;

CREATE OR REPLACE FUNCTION devices_alarm_data(a devices_alarm) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'alarm_id', a.id, 'device_id', a.device_id, 'device_code', d.code, 'model', d.model_id,
        'rule_id', a.rule_id, 'rule_code', r.code, 'severity', a.severity, 'property', a.property, 'value', a.value,
        'at', devices_iso(a.raised_at), 'started_at', devices_iso(a.started_at),
        'state', CASE WHEN a.cleared_at IS NULL THEN 'active' ELSE 'cleared' END,
        'cleared_at', devices_iso(a.cleared_at), 'clear_reason', a.clear_reason,
        'acknowledged', a.acknowledged_at IS NOT NULL, 'shelved_until', devices_iso(a.shelved_until),
        'title', jsonb_build_object('zh', a.title_zh, 'en', a.title_en),
        'device_name', jsonb_build_object('zh', d.name_zh, 'en', d.name_en),
        'case', CASE WHEN jsonb_typeof(r."case") = 'object' THEN r."case" END,
        'lon', a.lon, 'lat', a.lat, 'grid_id', a.grid_id)
    FROM devices_device d, devices_rule r WHERE d.id = a.device_id AND r.id = a.rule_id
$$;

CREATE OR REPLACE FUNCTION devices_alarm_event(a devices_alarm, event_type text, event_id uuid)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO kernel_outbox (id, type, envelope, created_at)
    VALUES (event_id, event_type, jsonb_build_object(
        'id', event_id, 'type', event_type, 'at', devices_iso(clock_timestamp()), 'kind', 'alarm', 'ref', a.id,
        'area', a.area_path, 'centre', NULL, 'audience', 'staff', 'permission', 'alarms.view',
        'data', devices_alarm_data(a)), clock_timestamp())
$$;

CREATE OR REPLACE FUNCTION devices_alarm_raise(o jsonb) RETURNS devices_alarm LANGUAGE plpgsql AS $$
DECLARE
    made devices_alarm;
    started timestamptz := to_timestamp((o->>'started_at')::numeric / 1000.0);
    raised timestamptz := to_timestamp((o->>'raised_at')::numeric / 1000.0);
BEGIN
    INSERT INTO devices_alarm (id, device_id, rule_id, rule_version, severity, title_zh, title_en, property, value,
        started_at, raised_at, clear_reason, area_path, grid_id, lon, lat, created_at, changed_at)
    SELECT (o->>'alarm_id')::uuid, d.id, r.id, (o->>'rule_version')::integer, r.severity, r.title_zh, r.title_en,
        coalesce(o->>'property', ''), (o->>'value')::float8, started, raised, '', d.area_path, d.grid_id, d.lon, d.lat,
        clock_timestamp(), clock_timestamp()
    FROM devices_device d JOIN devices_thing_model m ON m.code = d.model_id, devices_rule r
    WHERE d.id = (o->>'device_id')::uuid AND d.state IN ('active', 'planned') AND m.subject = 'place'
      AND r.id = (o->>'rule_id')::uuid AND r.enabled
      AND NOT EXISTS (SELECT 1 FROM devices_alarm old  -- a moment already told, by a sense that lost its snapshot
                      WHERE old.device_id = d.id AND old.rule_id = r.id AND old.started_at <= raised
                        AND old.cleared_at > raised AND old.clear_reason = 'condition')
    ON CONFLICT DO NOTHING
    RETURNING * INTO made;
    IF made.id IS NOT NULL THEN
        PERFORM devices_alarm_event(made, 'alarm.raised', (o->>'event_id')::uuid);
    END IF;
    RETURN made;
END $$;

CREATE OR REPLACE FUNCTION devices_alarm_clear(o jsonb) RETURNS devices_alarm LANGUAGE plpgsql AS $$
DECLARE done devices_alarm;
BEGIN
    UPDATE devices_alarm a SET
        cleared_at = greatest(a.raised_at, to_timestamp((o->>'cleared_at')::numeric / 1000.0)),
        cleared_value = (o->>'value')::float8, clear_reason = coalesce(o->>'reason', 'condition'),
        changed_at = clock_timestamp()
    WHERE a.device_id = (o->>'device_id')::uuid AND a.rule_id = (o->>'rule_id')::uuid AND a.cleared_at IS NULL
      AND a.started_at <= to_timestamp((o->>'started_at')::numeric / 1000.0)
    RETURNING a.* INTO done;
    IF done.id IS NOT NULL THEN
        PERFORM devices_alarm_event(done, 'alarm.changed', (o->>'event_id')::uuid);
    END IF;
    RETURN done;
END $$;

CREATE OR REPLACE FUNCTION devices_alarms_apply(under bigint, part integer, operations jsonb)
RETURNS TABLE (op text, alarm_id uuid, device_id uuid, rule_id uuid, changed boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    held bigint; o jsonb; a devices_alarm;
BEGIN
    SELECT l.epoch INTO held FROM devices_sense_lease l WHERE l.partition = part FOR SHARE;
    IF held IS DISTINCT FROM under THEN
        RAISE EXCEPTION 'epoch % of partition % is not in force (% is)', under, part, held USING ERRCODE = 'LL001';
    END IF;
    FOR o IN SELECT e.value FROM jsonb_array_elements(operations) WITH ORDINALITY e ORDER BY e.ordinality LOOP
        IF o->>'op' = 'raise' THEN a := devices_alarm_raise(o); ELSE a := devices_alarm_clear(o); END IF;
        op := o->>'op'; alarm_id := a.id; device_id := (o->>'device_id')::uuid; rule_id := (o->>'rule_id')::uuid;
        changed := a.id IS NOT NULL;
        RETURN NEXT;
    END LOOP;
    PERFORM pg_notify('linli_outbox', '');
END $$;
