-- Keeps the SensorThings rows of devices in step with the registry, in the writer's own transaction: what is written
-- in the registry can be read by SensorThings at once, and an import of 20,000 devices is a few statements.
-- SensorThings' own writes set linli.sta to 1 and write their rows themselves.

CREATE OR REPLACE FUNCTION sta_quiet() RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT coalesce(current_setting('linli.sta', true), '') = '1' $$;

CREATE OR REPLACE FUNCTION sta_take_models(wanted text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO sta_sensor (model_code, name, description, encoding_type, metadata, properties, created_at)
    SELECT m.code, m.name_zh, m.name_en, 'application/json', to_jsonb('/api/v1/thing-models/' || m.code),
           jsonb_build_object('model', m.code, 'category', m.category), now()
    FROM devices_thing_model m WHERE m.code = ANY(wanted) AND m.subject = 'place'
    ON CONFLICT (model_code) DO NOTHING;
    INSERT INTO sta_observed_property (key, name, definition, description, properties, created_at)
    SELECT DISTINCT ON (k.key) k.key, k.p->'name'->>'zh', 'urn:linli:property:' || (k.p->>'code'),
           k.p->'name'->>'en', jsonb_build_object('code', k.p->>'code'), now()
    FROM (SELECT p, (p->>'code') || '|' || coalesce(p->'name'->>'en', '') AS key
          FROM devices_thing_model m, jsonb_array_elements(m.properties) p
          WHERE m.code = ANY(wanted) AND m.subject = 'place' AND p->'name'->>'zh' <> '') k
    ON CONFLICT (key) DO NOTHING;
$$;

CREATE OR REPLACE FUNCTION sta_take_streams(things bigint[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO sta_datastream (area_path, name, description, thing_id, sensor_id, observed_property_id, feature_id,
                                device_id, property, observation_type, unit, created_at)
    SELECT t.area_path, t.name || ' ' || (p->'name'->>'zh'), d.name_en || ' ' || (p->'name'->>'en'), t.id, s.id, o.id,
           (SELECT f.id FROM sta_feature f JOIN sta_location l ON l.id = f.location_id WHERE l.device_id = d.id),
           d.id, p->>'code',
           'http://www.opengis.net/def/observationType/OGC-OM/2.0/' ||
               CASE p->>'type' WHEN 'bool' THEN 'OM_TruthObservation' ELSE 'OM_Measurement' END,
           CASE WHEN p->>'type' = 'bool' THEN '{"name": null, "symbol": null, "definition": null}'::jsonb
                ELSE jsonb_build_object('name', coalesce(p->>'unit', ''), 'symbol', coalesce(p->>'unit', ''),
                                        'definition', 'ucum:' || coalesce(p->>'unit', '')) END, now()
    FROM sta_thing t JOIN devices_device d ON d.id = t.device_id
    JOIN devices_thing_model m ON m.code = d.model_id AND m.subject = 'place'
    JOIN sta_sensor s ON s.model_code = m.code
    CROSS JOIN LATERAL jsonb_array_elements(m.properties) p
    JOIN sta_observed_property o ON o.key = (p->>'code') || '|' || coalesce(p->'name'->>'en', '')
    WHERE t.id = ANY(things) AND coalesce(p->>'type', 'number') <> 'text'
    ORDER BY t.id
    ON CONFLICT (device_id, property) DO NOTHING;
$$;

CREATE OR REPLACE FUNCTION sta_take_points(wanted uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sta_location (device_id, area_path, name, description, encoding_type, location, lon, lat, created_at)
    SELECT d.id, d.area_path, d.name_zh, d.name_en, 'application/geo+json',
           jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(d.lon, d.lat)), d.lon, d.lat, now()
    FROM devices_device d JOIN sta_thing t ON t.device_id = d.id WHERE d.id = ANY(wanted) AND d.lon IS NOT NULL
    ON CONFLICT (device_id) DO UPDATE SET location = excluded.location, lon = excluded.lon, lat = excluded.lat,
        area_path = excluded.area_path;
    INSERT INTO sta_thing_location (thing_id, location_id)
    SELECT t.id, l.id FROM sta_thing t JOIN sta_location l ON l.device_id = t.device_id
    WHERE t.device_id = ANY(wanted) ON CONFLICT DO NOTHING;
    INSERT INTO sta_feature (location_id, area_path, name, description, encoding_type, feature, lon, lat, created_at)
    SELECT l.id, l.area_path, l.name, l.description, l.encoding_type, l.location, l.lon, l.lat, now()
    FROM sta_location l WHERE l.device_id = ANY(wanted) ON CONFLICT (location_id) DO NOTHING;
    WITH past AS (
        INSERT INTO sta_historical_location (thing_id, time)
        SELECT t.id, now() FROM sta_thing t JOIN sta_location l ON l.device_id = t.device_id
        WHERE t.device_id = ANY(wanted) RETURNING id, thing_id)
    INSERT INTO sta_past_location (past_id, location_id)
    SELECT p.id, l.id FROM past p JOIN sta_thing t ON t.id = p.thing_id JOIN sta_location l ON l.device_id = t.device_id;
END $$;

CREATE OR REPLACE FUNCTION sta_take_devices(wanted uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sta_thing (device_id, area_path, name, description, properties, created_at)
    SELECT d.id, d.area_path, d.name_zh, d.name_en, jsonb_build_object('code', d.code, 'model', d.model_id,
           'state', d.state, 'owner', d.owner_department, 'tags', to_jsonb(d.tags)), now()
    FROM devices_device d JOIN devices_thing_model m ON m.code = d.model_id AND m.subject = 'place'
    WHERE d.id = ANY(wanted) ORDER BY d.code ON CONFLICT (device_id) DO NOTHING;
    PERFORM sta_take_points(wanted);
    PERFORM sta_take_streams(ARRAY(SELECT id FROM sta_thing WHERE device_id = ANY(wanted)));
END $$;

-- Things that are no longer of a place leave, with all that is theirs alone.
CREATE OR REPLACE FUNCTION sta_drop_devices(wanted uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE things bigint[] := ARRAY(SELECT id FROM sta_thing WHERE device_id = ANY(wanted));
        spots bigint[] := ARRAY(SELECT id FROM sta_location WHERE device_id = ANY(wanted));
        streams bigint[] := ARRAY(SELECT id FROM sta_datastream WHERE thing_id = ANY(things) OR device_id = ANY(wanted));
BEGIN
    DELETE FROM sta_observation WHERE datastream_id = ANY(streams);
    DELETE FROM sta_datastream WHERE id = ANY(streams);
    DELETE FROM sta_past_location p USING sta_historical_location h
        WHERE p.past_id = h.id AND (h.thing_id = ANY(things) OR p.location_id = ANY(spots));
    DELETE FROM sta_historical_location WHERE thing_id = ANY(things);
    DELETE FROM sta_thing_location WHERE thing_id = ANY(things) OR location_id = ANY(spots);
    UPDATE sta_datastream SET feature_id = NULL FROM sta_feature f
        WHERE f.id = feature_id AND f.location_id = ANY(spots);
    DELETE FROM sta_observation o USING sta_feature f WHERE f.id = o.feature_id AND f.location_id = ANY(spots);
    DELETE FROM sta_feature WHERE location_id = ANY(spots);
    DELETE FROM sta_location WHERE id = ANY(spots);
    DELETE FROM sta_thing WHERE id = ANY(things);
END $$;

CREATE OR REPLACE FUNCTION sta_device_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT sta_quiet() THEN
        PERFORM sta_take_devices(ARRAY(SELECT id FROM fresh));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION sta_device_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sta_thing t SET area_path = d.area_path,
           name = CASE WHEN sta_quiet() OR d.name_zh = b.name_zh THEN t.name ELSE d.name_zh END,
           properties = CASE WHEN sta_quiet() OR t.properties->>'state' IS NULL THEN t.properties
                        ELSE t.properties || jsonb_build_object('state', d.state, 'owner', d.owner_department,
                                                                'tags', to_jsonb(d.tags)) END
    FROM fresh d JOIN stale b ON b.id = d.id WHERE t.device_id = d.id
      AND (d.area_path, d.name_zh, d.state, d.owner_department, d.tags)
          IS DISTINCT FROM (b.area_path, b.name_zh, b.state, b.owner_department, b.tags);
    UPDATE sta_datastream s SET area_path = d.area_path
    FROM fresh d JOIN stale b ON b.id = d.id WHERE s.device_id = d.id AND d.area_path <> b.area_path;
    UPDATE sta_location l SET area_path = d.area_path
    FROM fresh d JOIN stale b ON b.id = d.id WHERE l.device_id = d.id AND d.area_path <> b.area_path;
    UPDATE sta_feature f SET area_path = d.area_path FROM fresh d JOIN stale b ON b.id = d.id
    JOIN sta_location l ON l.device_id = d.id WHERE f.location_id = l.id AND d.area_path <> b.area_path;
    IF NOT sta_quiet() THEN
        PERFORM sta_take_points(ARRAY(SELECT d.id FROM fresh d JOIN stale b ON b.id = d.id
                                      WHERE (d.lon, d.lat) IS DISTINCT FROM (b.lon, b.lat)));
        PERFORM sta_drop_devices(ARRAY(SELECT d.id FROM fresh d JOIN stale b ON b.id = d.id
                                       JOIN devices_thing_model m ON m.code = d.model_id
                                       WHERE d.model_id <> b.model_id AND m.subject <> 'place'));
        PERFORM sta_take_streams(ARRAY(SELECT t.id FROM fresh d JOIN stale b ON b.id = d.id
                                       JOIN sta_thing t ON t.device_id = d.id WHERE d.model_id <> b.model_id));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION sta_device_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sta_observation o USING sta_datastream s, stale b WHERE o.datastream_id = s.id AND s.device_id = b.id;
    DELETE FROM sta_datastream s USING stale b WHERE s.device_id = b.id;
    UPDATE sta_thing t SET device_id = NULL FROM stale b WHERE t.device_id = b.id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION sta_model_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT sta_quiet() THEN
        PERFORM sta_take_models(ARRAY(SELECT code FROM fresh));
        PERFORM sta_drop_devices(ARRAY(SELECT d.id FROM fresh m JOIN devices_device d ON d.model_id = m.code
                                       WHERE m.subject <> 'place'));
        DELETE FROM sta_sensor s USING fresh m WHERE s.model_code = m.code AND m.subject <> 'place'
            AND NOT EXISTS (SELECT 1 FROM sta_datastream d WHERE d.sensor_id = s.id);
        PERFORM sta_take_streams(ARRAY(SELECT t.id FROM fresh m JOIN devices_device d ON d.model_id = m.code
                                       JOIN sta_thing t ON t.device_id = d.id));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER sta_made AFTER INSERT ON devices_device
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION sta_device_made();
CREATE OR REPLACE TRIGGER sta_changed AFTER UPDATE ON devices_device
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION sta_device_changed();
CREATE OR REPLACE TRIGGER sta_gone AFTER DELETE ON devices_device
    REFERENCING OLD TABLE AS stale FOR EACH STATEMENT EXECUTE FUNCTION sta_device_gone();
CREATE OR REPLACE TRIGGER sta_model_made AFTER INSERT ON devices_thing_model
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION sta_model_changed();
CREATE OR REPLACE TRIGGER sta_model_changed AFTER UPDATE ON devices_thing_model
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION sta_model_changed();

SELECT sta_take_models(ARRAY(SELECT code::text FROM devices_thing_model));
SELECT sta_take_devices(ARRAY(SELECT id FROM devices_device));
