-- Rules as sense reads them. A new shape gets a new name; older ones stay for processes of before: v1 knows no terms, v2
-- nothing of what is usual, of other devices, or of figures made of several.

CREATE OR REPLACE VIEW devices_rules_v1 AS
SELECT r.id AS rule_id, r.code, r.version, r.model_id AS model, r.property, r.kind, r.op, r.value, r.clear_value,
       r.duration_s, r.no_data_s, r.reraise_s, r.severity, r.area_path, r.device_ids
FROM devices_rule r JOIN devices_thing_model m ON m.code = r.model_id
WHERE r.enabled AND m.subject = 'place' AND r.kind <> 'terms';

CREATE OR REPLACE VIEW devices_rules_v2 AS
SELECT r.id AS rule_id, r.code, r.version, r.model_id AS model, r.property, r.kind, r.op, r.value, r.clear_value,
       r.duration_s, r.no_data_s, r.reraise_s, r.severity, r.area_path, r.device_ids, r.condition
FROM devices_rule r JOIN devices_thing_model m ON m.code = r.model_id
WHERE r.enabled AND m.subject = 'place'
  AND (r.condition IS NULL OR (NOT r.condition ? 'calculated' AND NOT jsonb_path_exists(
       r.condition, '$.terms[*] ? (@.kind == "anomaly" || exists(@.of))')));

CREATE OR REPLACE VIEW devices_rules_v3 AS
SELECT r.id AS rule_id, r.code, r.version, r.model_id AS model, r.property, r.kind, r.op, r.value, r.clear_value,
       r.duration_s, r.no_data_s, r.reraise_s, r.severity, r.area_path, r.device_ids, r.condition
FROM devices_rule r JOIN devices_thing_model m ON m.code = r.model_id
WHERE r.enabled AND m.subject = 'place';
