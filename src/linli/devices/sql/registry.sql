-- The registry as the gateway reads it, since 0005 (views.sql has what earlier migrations made): without what only people
-- read, and with what a device of an older version of its model says in today's properties.

CREATE OR REPLACE VIEW devices_registry_v1 AS
WITH kinds AS MATERIALIZED (
    SELECT m.code, m.subject, m.interval_s,
           coalesce((SELECT jsonb_object_agg(p->>'code', (p - '{code,name,quality,usual}'::text[]) || CASE
                         WHEN jsonb_typeof(p->'range') = 'array'
                         THEN jsonb_build_object('min', p->'range'->0, 'max', p->'range'->1) ELSE '{}' END)
                     FROM jsonb_array_elements(m.properties) p), '{}'::jsonb) AS properties,
           m.translations
    FROM devices_thing_model m
)
SELECT d.id AS device_id, d.code, d.model_id AS model, k.subject, d.area_path,
       d.state <> 'retired' AS enabled,
       coalesce((SELECT array_agg(c.token_hash ORDER BY c.created_at)
                 FROM devices_credential c
                 WHERE c.device_id = d.id AND c.revoked_at IS NULL
                   AND (c.expires_at IS NULL OR c.expires_at > now())), '{}'::bytea[]) AS credential_hashes,
       k.interval_s, k.properties, d.created_at, d.state,
       coalesce(k.translations->d.model_version::text, '{}'::jsonb) AS translate
FROM devices_device d JOIN kinds k ON k.code = d.model_id;
