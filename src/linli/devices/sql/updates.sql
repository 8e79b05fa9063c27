-- Firmware of campaigns: who is told, and what devices say about it.

CREATE OR REPLACE FUNCTION devices_update_names(kind text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg((CASE kind WHEN 'firmware' THEN 'fw_' ELSE 'sw_' END) || name ORDER BY name)
    FROM unnest(ARRAY['title', 'version', 'size', 'checksum', 'checksum_algorithm']) name
$$;

-- Shared attributes of these devices changed: the gateways pass them on.
CREATE OR REPLACE FUNCTION devices_update_news(devices uuid[], kind text) RETURNS void LANGUAGE sql AS $$
    SELECT devices_emit('device.changed', 'device', d.id, d.area_path, jsonb_build_object('change', 'attributes',
        'state', d.state, 'code', d.code, 'names', to_jsonb(devices_update_names(kind))))
    FROM devices_device d WHERE d.id = ANY(devices) ORDER BY d.id;
    SELECT pg_notify('linli_outbox', '');
$$;

-- Tells those of a campaign whose stage has come what to load; with `again` also those told before that did not end or
-- failed: after a pause they start anew. Returns how many are new.
CREATE OR REPLACE FUNCTION devices_campaign_tell(wanted uuid, again boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE f devices_firmware; c devices_campaign; fresh uuid[]; others uuid[];
BEGIN
    SELECT * INTO c FROM devices_campaign WHERE id = wanted;
    SELECT * INTO f FROM devices_firmware WHERE id = c.firmware_id;
    SELECT coalesce(array_agg(d.id), '{}') INTO fresh FROM (
        SELECT d.id FROM devices_device d JOIN devices_update u ON u.device_id = d.id
        WHERE u.campaign_id = wanted AND u.open AND u.state = 'waiting' AND u.stage <= c.stage AND d.state <> 'retired'
        ORDER BY d.id FOR UPDATE OF d) d;
    UPDATE devices_device d SET updated_at = clock_timestamp(), attributes_shared = d.attributes_shared || (
        SELECT jsonb_object_agg((CASE f.kind WHEN 'firmware' THEN 'fw_' ELSE 'sw_' END) || key, value)
        FROM jsonb_each(jsonb_build_object('title', f.title, 'version', f.version, 'size', f.size, 'checksum', f.sha256,
                                           'checksum_algorithm', 'SHA256')))
    WHERE d.id = ANY(fresh);
    SELECT coalesce(array_agg(u.device_id), '{}') INTO others FROM devices_update u
    WHERE again AND u.campaign_id = wanted AND u.open AND u.state <> 'waiting';
    UPDATE devices_update SET state = 'told', error = '', changed_at = clock_timestamp()
    WHERE campaign_id = wanted AND device_id = ANY(fresh || others) AND state <> 'updating';
    PERFORM devices_update_news(fresh || others, f.kind);
    RETURN cardinality(fresh);
END $$;

-- Ends a campaign's open devices; what they were told is taken back, unless they were told something else meanwhile.
CREATE OR REPLACE FUNCTION devices_campaign_end(wanted uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE f devices_firmware; told uuid[]; p text;
BEGIN
    SELECT x.* INTO f FROM devices_firmware x JOIN devices_campaign c ON c.firmware_id = x.id WHERE c.id = wanted;
    p := CASE f.kind WHEN 'firmware' THEN 'fw_' ELSE 'sw_' END;
    SELECT coalesce(array_agg(d.id), '{}') INTO told FROM (
        SELECT d.id FROM devices_device d JOIN devices_update u ON u.device_id = d.id
        WHERE u.campaign_id = wanted AND u.open AND u.state <> 'waiting'
          AND d.attributes_shared->>(p || 'title') = f.title AND d.attributes_shared->>(p || 'version') = f.version
        ORDER BY d.id FOR UPDATE OF d) d;
    UPDATE devices_device d SET updated_at = clock_timestamp(),
        attributes_shared = d.attributes_shared - devices_update_names(f.kind)
    WHERE d.id = ANY(told);
    UPDATE devices_update SET open = false, changed_at = clock_timestamp(),
        state = CASE WHEN state = 'failed' THEN state ELSE 'cancelled' END
    WHERE campaign_id = wanted AND open;
    PERFORM devices_update_news(told, f.kind);
    RETURN cardinality(told);
END $$;

-- What devices say about their firmware, among the attributes that gateways note.
CREATE OR REPLACE FUNCTION devices_note_updates(notes jsonb) RETURNS void LANGUAGE sql AS $$
    WITH said AS (
        SELECT DISTINCT ON (device_id, kind) *
        FROM (SELECT (n.value->>'device_id')::uuid AS device_id, k.kind, n.ordinality,
                     upper(n.value->'attributes'->>(k.p || '_state')) AS word, n.value->'attributes'->>(k.p || '_error') AS error,
                     n.value->'attributes'->>('current_' || k.p || '_title') AS title,
                     n.value->'attributes'->>('current_' || k.p || '_version') AS version
              FROM jsonb_array_elements(notes) WITH ORDINALITY n, (VALUES ('firmware', 'fw'), ('software', 'sw')) k(kind, p)
              WHERE n.value->'attributes' ?| ARRAY[k.p || '_state', 'current_' || k.p || '_version']) x
        ORDER BY device_id, kind, ordinality DESC
    ), new AS (
        SELECT u.id, s.error, CASE
            WHEN s.title = f.title AND s.version = f.version THEN 'updated'
            WHEN u.state = 'waiting' THEN NULL
            WHEN s.word = 'DOWNLOADING' THEN 'downloading'
            WHEN s.word IN ('DOWNLOADED', 'VERIFIED') THEN 'downloaded'
            WHEN s.word = 'UPDATING' THEN 'updating'
            WHEN s.word = 'UPDATED' AND s.title IS NULL AND s.version IS NULL THEN 'updated'
            WHEN s.word = 'FAILED' THEN 'failed' END AS state
        FROM said s JOIN devices_update u ON u.device_id = s.device_id AND u.kind = s.kind AND u.open
        JOIN devices_campaign c ON c.id = u.campaign_id AND c.state IN ('running', 'paused')
        JOIN devices_firmware f ON f.id = c.firmware_id
    ), locked AS (
        SELECT u.id FROM devices_update u WHERE u.id IN (SELECT id FROM new WHERE state IS NOT NULL) ORDER BY u.id FOR UPDATE
    )
    UPDATE devices_update u SET state = n.state, open = n.state <> 'updated', changed_at = clock_timestamp(),
        error = CASE WHEN n.state = 'failed' THEN coalesce(left(n.error, 200), '') ELSE '' END
    FROM new n JOIN locked l ON l.id = n.id WHERE u.id = n.id AND u.state <> n.state
$$;

-- As gateway.sql has it, and besides what it means for updates.
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
      AND length((d.attributes_client || told.attributes)::text) <= 65536;
    SELECT devices_note_updates(notes);
$$;
