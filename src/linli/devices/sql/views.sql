-- Views that the hot path reads (devices/contracts.py). A new shape gets a new name (_v2); _v1 stays while old processes run.

CREATE OR REPLACE VIEW devices_registry_v1 AS
WITH kinds AS MATERIALIZED (
    SELECT m.code, m.subject, m.interval_s,
           coalesce((SELECT jsonb_object_agg(p->>'code', (p - 'code' - 'name') || CASE
                         WHEN jsonb_typeof(p->'range') = 'array'
                         THEN jsonb_build_object('min', p->'range'->0, 'max', p->'range'->1) ELSE '{}' END)
                     FROM jsonb_array_elements(m.properties) p), '{}'::jsonb) AS properties
    FROM devices_thing_model m
)
SELECT d.id AS device_id, d.code, d.model_id AS model, k.subject, d.area_path,
       d.state <> 'retired' AS enabled,
       coalesce((SELECT array_agg(c.token_hash ORDER BY c.created_at)
                 FROM devices_credential c
                 WHERE c.device_id = d.id AND c.revoked_at IS NULL
                   AND (c.expires_at IS NULL OR c.expires_at > now())), '{}'::bytea[]) AS credential_hashes,
       k.interval_s, k.properties, d.created_at, d.state
FROM devices_device d JOIN kinds k ON k.code = d.model_id;

CREATE OR REPLACE VIEW devices_rules_v1 AS
SELECT r.id AS rule_id, r.code, r.version, r.model_id AS model, r.property, r.kind, r.op, r.value, r.clear_value,
       r.duration_s, r.no_data_s, r.reraise_s, r.severity, r.area_path, r.device_ids
FROM devices_rule r JOIN devices_thing_model m ON m.code = r.model_id
WHERE r.enabled AND m.subject = 'place';

CREATE OR REPLACE VIEW devices_active_alarms_v1 AS
SELECT a.device_id, a.rule_id, round(extract(epoch FROM a.started_at) * 1000)::bigint AS started_ms
FROM devices_alarm a WHERE a.cleared_at IS NULL;
