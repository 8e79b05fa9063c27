-- What gateways note about devices: last seen, on line until, counters. One statement for thousands of devices;
-- rows are taken in the order of their ids, so that two gateways never wait for each other.

CREATE OR REPLACE FUNCTION devices_note_gateway(notes jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE touched integer;
BEGIN
    INSERT INTO devices_status AS s (device_id, last_seen, online_until, connected, messages, points, bad, refused, late,
                                     clamped, last_error, last_error_at)
    SELECT n.device_id, n.seen, n.seen + make_interval(secs => greatest(3 * m.interval_s, 120)),
           coalesce(n.connected, false), n.messages, n.points, n.bad, n.refused, n.late,
           n.clamped, coalesce(left(n.error, 200), ''), CASE WHEN n.error IS NULL THEN NULL ELSE now() END
    FROM (
        SELECT x.device_id, to_timestamp(max(x.last_seen) / 1000.0) AS seen, bool_or(x.connected) AS connected,
               coalesce(sum(x.messages), 0) AS messages, coalesce(sum(x.points), 0) AS points,
               coalesce(sum(x.bad), 0) AS bad, coalesce(sum(x.refused), 0) AS refused,
               coalesce(sum(x.late), 0) AS late, coalesce(sum(x.clamped), 0) AS clamped,
               max(nullif(x.error, '')) AS error
        FROM jsonb_to_recordset(notes) AS x(device_id uuid, last_seen numeric, connected boolean, messages bigint,
                                            points bigint, bad bigint, refused bigint, late bigint, clamped bigint,
                                            error text)
        GROUP BY x.device_id
    ) n
    JOIN devices_device d ON d.id = n.device_id
    JOIN devices_thing_model m ON m.code = d.model_id
    ORDER BY n.device_id
    ON CONFLICT (device_id) DO UPDATE SET
        last_seen = greatest(s.last_seen, excluded.last_seen),
        online_until = greatest(s.online_until, excluded.online_until),
        connected = excluded.connected,
        messages = s.messages + excluded.messages, points = s.points + excluded.points,
        bad = s.bad + excluded.bad, refused = s.refused + excluded.refused, late = s.late + excluded.late,
        clamped = s.clamped + excluded.clamped,
        last_error = CASE WHEN excluded.last_error_at IS NULL THEN s.last_error ELSE excluded.last_error END,
        last_error_at = coalesce(excluded.last_error_at, s.last_error_at);
    GET DIAGNOSTICS touched = ROW_COUNT;
    PERFORM devices_note_attributes(notes);
    RETURN touched;
END $$;

-- Attributes that devices tell of themselves; at most 64 KiB a device, later names win. Since 0016 updates.sql has it.
CREATE OR REPLACE FUNCTION devices_note_attributes(notes jsonb) RETURNS void LANGUAGE sql AS $$
    WITH told AS (
        SELECT n.value->>'device_id' AS device_id, jsonb_object_agg(a.key, a.value ORDER BY n.ordinality) AS attributes
        FROM jsonb_array_elements(notes) WITH ORDINALITY n,
             jsonb_each(CASE WHEN jsonb_typeof(n.value->'attributes') = 'object' THEN n.value->'attributes' ELSE '{}' END) a
        GROUP BY 1
    ), locked AS (
        SELECT d.id FROM devices_device d WHERE d.id IN (SELECT told.device_id::uuid FROM told) ORDER BY d.id FOR UPDATE
    )
    UPDATE devices_device d SET attributes_client = d.attributes_client || told.attributes
    FROM told, locked
    WHERE d.id = locked.id AND told.device_id::uuid = locked.id
      AND length((d.attributes_client || told.attributes)::text) <= 65536
$$;

ALTER TABLE devices_status SET (fillfactor = 60);
