-- Campaigns on a screen: news while devices load, and failed devices once more.

-- As updates.sql has it; and each campaign that moved is news, once for all that a gateway notes at a time.
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
    ), moved AS (
        UPDATE devices_update u SET state = n.state, open = n.state <> 'updated', changed_at = clock_timestamp(),
            error = CASE WHEN n.state = 'failed' THEN coalesce(left(n.error, 200), '') ELSE '' END
        FROM new n JOIN locked l ON l.id = n.id WHERE u.id = n.id AND u.state <> n.state RETURNING u.campaign_id
    ), told AS (
        SELECT c.id, devices_emit('campaign.changed', 'campaign', c.id, c.area_path,
                                  jsonb_build_object('state', c.state, 'stage', c.stage))
        FROM devices_campaign c WHERE c.id IN (SELECT campaign_id FROM moved)
    )
    SELECT pg_notify('linli_outbox', '') FROM (SELECT count(*) AS n FROM told) x WHERE x.n > 0
$$;

-- Those of a campaign that failed are told once more: `wanted_updates`, or all when NULL. Not who is retired or in another open
-- campaign of the kind meanwhile. Returns how many.
CREATE OR REPLACE FUNCTION devices_campaign_retry(wanted uuid, wanted_updates uuid[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE f devices_firmware; again uuid[];
BEGIN
    SELECT x.* INTO f FROM devices_firmware x JOIN devices_campaign c ON c.firmware_id = x.id WHERE c.id = wanted;
    SELECT coalesce(array_agg(d.id), '{}') INTO again FROM (
        SELECT d.id FROM devices_device d JOIN devices_update u ON u.device_id = d.id
        WHERE u.campaign_id = wanted AND u.state = 'failed' AND d.state <> 'retired'
          AND (wanted_updates IS NULL OR u.id = ANY(wanted_updates))
          AND NOT EXISTS (SELECT 1 FROM devices_update o WHERE o.device_id = d.id AND o.kind = u.kind AND o.open
                          AND o.campaign_id <> wanted)
        ORDER BY d.id FOR UPDATE OF d) d;
    UPDATE devices_device d SET updated_at = clock_timestamp(), attributes_shared = d.attributes_shared || (
        SELECT jsonb_object_agg((CASE f.kind WHEN 'firmware' THEN 'fw_' ELSE 'sw_' END) || key, value)
        FROM jsonb_each(jsonb_build_object('title', f.title, 'version', f.version, 'size', f.size, 'checksum', f.sha256,
                                           'checksum_algorithm', 'SHA256')))
    WHERE d.id = ANY(again);
    UPDATE devices_update SET state = 'told', open = true, error = '', changed_at = clock_timestamp()
    WHERE campaign_id = wanted AND device_id = ANY(again);
    PERFORM devices_update_news(again, f.kind);
    RETURN cardinality(again);
END $$;
