-- An alarm's severity may rise and come down while it lasts. `severity_at` makes it safe to repeat: a step of a moment
-- that was told already changes nothing.

CREATE OR REPLACE FUNCTION devices_alarm_raise(o jsonb) RETURNS devices_alarm LANGUAGE plpgsql AS $$
DECLARE
    made devices_alarm;
    started timestamptz := to_timestamp((o->>'started_at')::numeric / 1000.0);
    raised timestamptz := to_timestamp((o->>'raised_at')::numeric / 1000.0);
BEGIN
    INSERT INTO devices_alarm (id, device_id, rule_id, rule_version, severity, title_zh, title_en, property, value,
        started_at, raised_at, clear_reason, area_path, grid_id, lon, lat, created_at, changed_at)
    SELECT (o->>'alarm_id')::uuid, d.id, r.id, (o->>'rule_version')::integer, coalesce(o->>'severity', r.severity),
        r.title_zh, r.title_en, coalesce(o->>'property', ''), (o->>'value')::float8, started, raised, '', d.area_path,
        d.grid_id, d.lon, d.lat, clock_timestamp(), clock_timestamp()
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

CREATE OR REPLACE FUNCTION devices_alarm_level(o jsonb) RETURNS devices_alarm LANGUAGE plpgsql AS $$
DECLARE
    was devices_alarm; done devices_alarm;
    moment timestamptz := to_timestamp((o->>'at')::numeric / 1000.0);
BEGIN
    SELECT * INTO was FROM devices_alarm a
    WHERE a.device_id = (o->>'device_id')::uuid AND a.rule_id = (o->>'rule_id')::uuid AND a.cleared_at IS NULL
      AND a.started_at <= to_timestamp((o->>'started_at')::numeric / 1000.0)
      AND (a.severity_at IS NULL OR a.severity_at < moment) AND a.severity <> o->>'severity'
    FOR UPDATE;
    IF was.id IS NULL THEN
        RETURN was;
    END IF;
    UPDATE devices_alarm SET severity = o->>'severity', severity_at = moment, changed_at = clock_timestamp()
    WHERE id = was.id RETURNING * INTO done;
    INSERT INTO devices_alarm_note (id, alarm_id, at, account_id, kind, text)
    VALUES ((o->>'note_id')::uuid, was.id, moment, NULL, 'severity', was.severity || ' → ' || done.severity);
    PERFORM devices_alarm_event(done, 'alarm.changed', (o->>'event_id')::uuid);
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
        IF o->>'op' = 'raise' THEN a := devices_alarm_raise(o);
        ELSIF o->>'op' = 'level' THEN a := devices_alarm_level(o);
        ELSE a := devices_alarm_clear(o); END IF;
        op := o->>'op'; alarm_id := a.id; device_id := (o->>'device_id')::uuid; rule_id := (o->>'rule_id')::uuid;
        changed := a.id IS NOT NULL;
        RETURN NEXT;
    END LOOP;
    PERFORM pg_notify('linli_outbox', '');
END $$;
