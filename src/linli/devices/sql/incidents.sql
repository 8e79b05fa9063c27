-- Storms: which alarms have one root, in sets. services/incidents.py calls these under one advisory lock.

-- What consumers are told of an alarm, with its incident.
CREATE OR REPLACE FUNCTION devices_alarm_event(a devices_alarm, event_type text, event_id uuid)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO kernel_outbox (id, type, envelope, created_at)
    VALUES (event_id, event_type, jsonb_build_object(
        'id', event_id, 'type', event_type, 'at', devices_iso(clock_timestamp()), 'kind', 'alarm', 'ref', a.id,
        'area', a.area_path, 'centre', NULL, 'audience', 'staff', 'permission', 'alarms.view',
        'data', devices_alarm_data(a) || jsonb_build_object('incident_id', a.incident_id)), clock_timestamp())
$$;

-- The part that two area paths have in common, in whole segments.
CREATE OR REPLACE FUNCTION devices_common_area(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(string_agg(s.x, '.' ORDER BY s.n), '') FROM (
        SELECT t.x, t.n, bool_and(t.x IS NOT DISTINCT FROM t.y) OVER (ORDER BY t.n) AS same
        FROM unnest(string_to_array(a, '.'), string_to_array(b, '.')) WITH ORDINALITY t(x, y, n)) s
    WHERE s.same AND s.x IS NOT NULL
$$;

-- Alarms that may be of a storm: those that nobody has looked at yet, and those around them in time, since the first
-- alarms of a storm were looked at before it was one. Locked, so that all ways see the same; those that sense changes
-- this moment are passed over and found next time, so that neither waits for the other.
CREATE OR REPLACE FUNCTION devices_incident_pool(around interval) RETURNS SETOF uuid LANGUAGE sql AS $$
    SELECT a.id FROM devices_alarm a
    WHERE a.cleared_at IS NULL AND a.incident_id IS NULL AND NOT a.apart AND a.raised_at >= (
        SELECT min(f.raised_at) - around FROM devices_alarm f WHERE f.cleared_at IS NULL AND f.looked_at IS NULL)
    FOR NO KEY UPDATE SKIP LOCKED
$$;

-- Those of the pool that are in no incident yet, each under its root by one way of `storms.yaml`.
CREATE OR REPLACE FUNCTION devices_incident_candidates(way text, prefix text, depth integer, pool uuid[])
RETURNS TABLE (alarm_id uuid, device_id uuid, key text, nature text, raised_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT a.id, a.device_id, k.key, CASE WHEN r.kind = 'no_data' THEN 'silence' ELSE r.id::text END, a.raised_at
    FROM unnest(pool) p(id) JOIN devices_alarm a ON a.id = p.id AND a.incident_id IS NULL
    JOIN devices_rule r ON r.id = a.rule_id JOIN devices_device d ON d.id = a.device_id
    CROSS JOIN LATERAL (
        SELECT coalesce(d.parent_id, CASE WHEN d.gateway THEN d.id END)::text AS key WHERE way = 'gateway'
        UNION ALL SELECT t FROM unnest(d.tags) t WHERE way = 'tag' AND starts_with(t, prefix)
        UNION ALL SELECT array_to_string(s.path[:depth], '.') FROM (SELECT string_to_array(a.area_path, '.') AS path) s
                  WHERE way = 'place' AND cardinality(s.path) >= depth
    ) k WHERE k.key IS NOT NULL
$$;

-- Roots with at least `few` devices that alarmed within a window, the largest first: `since` is where it began.
CREATE OR REPLACE FUNCTION devices_incident_roots(
    way text, prefix text, depth integer, pool uuid[], around interval, few integer)
RETURNS TABLE (key text, nature text, since timestamptz, devices bigint, newest timestamptz) LANGUAGE sql STABLE AS $$
    WITH first AS (
        SELECT c.key, c.nature, c.device_id, min(c.raised_at) AS at
        FROM devices_incident_candidates(way, prefix, depth, pool) c GROUP BY 1, 2, 3
    ), dense AS (
        SELECT f.key, f.nature, f.at, count(*) OVER (
                   PARTITION BY f.key, f.nature ORDER BY f.at RANGE BETWEEN around PRECEDING AND CURRENT ROW) AS n
        FROM first f
    )
    SELECT d.key, d.nature, min(d.at) FILTER (WHERE d.n >= few) - around, max(d.n), max(d.at)
    FROM dense d GROUP BY 1, 2 HAVING max(d.n) >= few ORDER BY 4 DESC, 1, 2
$$;

-- Candidates into the open incidents of their root: around its time, and as long afterwards as the way says.
CREATE OR REPLACE FUNCTION devices_incident_join(
    way text, prefix text, depth integer, pool uuid[], around interval, later interval, at timestamptz)
RETURNS TABLE (incident_id uuid, alarms bigint) LANGUAGE sql AS $$
    WITH found AS (
        SELECT DISTINCT ON (c.alarm_id) c.alarm_id, i.id AS incident_id, i.shelved_until
        FROM devices_incident_candidates(way, prefix, depth, pool) c
        JOIN devices_incident i ON i.root = way AND i.key = c.key AND i.nature = c.nature AND i.ended_at IS NULL
             AND c.raised_at BETWEEN i.began_at - around AND i.last_at + later
        ORDER BY c.alarm_id, i.created_at, i.id
    ), joined AS (
        UPDATE devices_alarm a SET incident_id = f.incident_id, looked_at = at, changed_at = at,
               shelved_until = CASE WHEN f.shelved_until > at THEN greatest(a.shelved_until, f.shelved_until)
                                    ELSE a.shelved_until END
        FROM found f WHERE a.id = f.alarm_id RETURNING a.incident_id
    )
    SELECT j.incident_id, count(*) FROM joined j GROUP BY 1
$$;

-- Figures of incidents from their alarms. Whoever may see an incident's area may see all of its alarms.
CREATE OR REPLACE FUNCTION devices_incident_count(which uuid[], at timestamptz) RETURNS void LANGUAGE sql AS $$
    UPDATE devices_incident i SET
        alarms = s.alarms, devices = s.devices, began_at = s.began, last_at = s.last, changed_at = at,
        severity = (ARRAY['info', 'warning', 'severe', 'urgent'])[s.worst],
        area_path = devices_common_area(s.low, s.high),
        lon = CASE WHEN i.root = 'gateway' AND i.lon IS NOT NULL THEN i.lon ELSE s.lon END,
        lat = CASE WHEN i.root = 'gateway' AND i.lon IS NOT NULL THEN i.lat ELSE s.lat END
    FROM (SELECT a.incident_id, count(*) AS alarms, count(DISTINCT a.device_id) AS devices, min(a.raised_at) AS began,
                 max(a.raised_at) AS last, min(a.area_path COLLATE "C") AS low, max(a.area_path COLLATE "C") AS high,
                 max(array_position(ARRAY['info', 'warning', 'severe', 'urgent'], a.severity::text)) AS worst,
                 (array_agg(a.lon ORDER BY a.raised_at, a.id) FILTER (WHERE a.lon IS NOT NULL))[1] AS lon,
                 (array_agg(a.lat ORDER BY a.raised_at, a.id) FILTER (WHERE a.lon IS NOT NULL))[1] AS lat
          FROM devices_alarm a WHERE a.incident_id = ANY(which) GROUP BY 1) s
    WHERE i.id = s.incident_id
$$;

-- Incidents none of whose alarms is active end when the last one did.
CREATE OR REPLACE FUNCTION devices_incidents_end(at timestamptz) RETURNS SETOF uuid LANGUAGE sql AS $$
    UPDATE devices_incident i SET changed_at = at, shelved_until = NULL, ended_at = greatest(i.began_at, coalesce(
        (SELECT max(a.cleared_at) FROM devices_alarm a WHERE a.incident_id = i.id), at))
    WHERE i.ended_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM devices_alarm a WHERE a.incident_id = i.id AND a.cleared_at IS NULL)
    RETURNING i.id
$$;

-- Whether there is anything to do: an alarm that nobody has looked at, or an incident that is over.
CREATE OR REPLACE FUNCTION devices_incidents_due() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM devices_alarm a WHERE a.cleared_at IS NULL AND a.looked_at IS NULL)
        OR EXISTS (SELECT 1 FROM devices_incident i WHERE i.ended_at IS NULL AND NOT EXISTS (
                   SELECT 1 FROM devices_alarm a WHERE a.incident_id = i.id AND a.cleared_at IS NULL))
$$;
