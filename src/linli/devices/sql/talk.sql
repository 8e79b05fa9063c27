-- What the gateway does on behalf of devices besides readings: commands, and the children of gateways.

CREATE OR REPLACE VIEW devices_registry_v2 AS
SELECT r.*, d.gateway, d.parent_id, d.parent_name
FROM devices_registry_v1 r JOIN devices_device d ON d.id = r.device_id;

-- An event for the staff of an area, as `kernel.events.emit` makes it.
CREATE OR REPLACE FUNCTION devices_emit(event_type text, kind text, ref uuid, area text, data jsonb)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO kernel_outbox (id, type, envelope, created_at)
    SELECT e.id, event_type, jsonb_build_object(
        'id', e.id, 'type', event_type, 'at', devices_iso(clock_timestamp()), 'kind', kind, 'ref', ref, 'area', area,
        'centre', NULL, 'audience', 'staff', 'permission', 'devices.view', 'data', data), clock_timestamp()
    FROM (SELECT gen_random_uuid() AS id) e
$$;

CREATE OR REPLACE FUNCTION devices_command_event(c devices_command) RETURNS void LANGUAGE sql AS $$
    SELECT devices_emit('command.changed', 'command', c.id, d.area_path,
                        jsonb_build_object('device_id', c.device_id, 'state', c.state))
    FROM devices_device d WHERE d.id = c.device_id
$$;

-- Commands to write to the connections of these devices now, oldest first. A gateway that asks has them: no other gets
-- one at the same time. With `again`, as after a connection was lost, also those sent but never acknowledged.
CREATE OR REPLACE FUNCTION devices_commands_take(devices uuid[], again boolean)
RETURNS TABLE (number bigint, device_id uuid, method text, params jsonb, one_way boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c devices_command;
BEGIN
    FOR c IN
        UPDATE devices_command SET state = 'sent', sent_at = coalesce(sent_at, clock_timestamp()),
                                   tries = least(tries + 1, 32767)
        WHERE number IN (
            SELECT number FROM devices_command
            WHERE device_id = ANY(devices) AND ended_at IS NULL AND expires_at > clock_timestamp()
              AND (state = 'queued' OR (again AND state = 'sent'))
            ORDER BY number FOR UPDATE SKIP LOCKED)
        RETURNING *
    LOOP
        PERFORM devices_command_event(c);
        number := c.number; device_id := c.device_id; method := c.method; params := c.params; one_way := c.one_way;
        RETURN NEXT;
    END LOOP;
    IF FOUND THEN PERFORM pg_notify('linli_outbox', ''); END IF;
END $$;

-- What devices said about commands: [{number, device_id, state: delivered|answered|failed, result}]. A device speaks only
-- of its own; a late answer still counts, a second one does not. Returns how many changed.
CREATE OR REPLACE FUNCTION devices_commands_settle(told jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE t record; c devices_command; changed integer := 0;
BEGIN
    FOR t IN SELECT * FROM jsonb_to_recordset(told) AS x(number bigint, device_id uuid, state text, result jsonb)
             ORDER BY x.number LOOP
        UPDATE devices_command d SET
            state = CASE WHEN t.state = 'delivered' AND d.state = 'expired' THEN d.state ELSE t.state END,
            delivered_at = coalesce(d.delivered_at, clock_timestamp()),
            ended_at = CASE WHEN t.state <> 'delivered' OR d.one_way THEN clock_timestamp() ELSE d.ended_at END,
            result = CASE WHEN t.state = 'delivered' THEN d.result ELSE t.result END
        WHERE d.number = t.number AND d.device_id = t.device_id
          AND (d.state IN ('sent', 'expired') OR (d.state = 'delivered' AND t.state <> 'delivered'))
        RETURNING d.* INTO c;
        IF FOUND THEN
            changed := changed + 1;
            PERFORM devices_command_event(c);
        END IF;
    END LOOP;
    IF changed > 0 THEN PERFORM pg_notify('linli_outbox', ''); END IF;
    RETURN changed;
END $$;

-- Ends what nobody took or answered in time. Returns how many.
CREATE OR REPLACE FUNCTION devices_commands_expire() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE c devices_command; ended integer := 0;
BEGIN
    FOR c IN
        UPDATE devices_command SET state = 'expired', ended_at = clock_timestamp()
        WHERE number IN (SELECT number FROM devices_command WHERE ended_at IS NULL AND expires_at <= clock_timestamp()
                         ORDER BY number LIMIT 5000 FOR UPDATE SKIP LOCKED)
        RETURNING *
    LOOP
        PERFORM devices_command_event(c);
        ended := ended + 1;
    END LOOP;
    IF ended > 0 THEN PERFORM pg_notify('linli_outbox', ''); END IF;
    RETURN ended;
END $$;

-- The child that a gateway calls `wanted`; made at the gateway's own place when it is new. NULL: this gateway may not, or
-- has too many, or the child is retired. `kind` is a thing model of places, else the child is a generic device.
CREATE OR REPLACE FUNCTION devices_child(speaker uuid, wanted text, kind text, new_id uuid, words text[])
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE g devices_device; found devices_device; model text; speaks integer; made text;
BEGIN
    SELECT * INTO g FROM devices_device WHERE id = speaker AND gateway AND state <> 'retired' FOR UPDATE;
    IF g.id IS NULL THEN RETURN NULL; END IF;
    SELECT * INTO found FROM devices_device WHERE parent_id = speaker AND parent_name = wanted;
    IF found.id IS NOT NULL THEN
        RETURN CASE WHEN found.state <> 'retired' THEN found.id END;
    END IF;
    IF (SELECT count(*) FROM devices_device WHERE parent_id = speaker) >= 5000 THEN RETURN NULL; END IF;
    SELECT m.code, m.version INTO model, speaks FROM devices_thing_model m
    WHERE m.code IN (kind, 'generic') AND m.subject = 'place' ORDER BY m.code = kind DESC LIMIT 1;
    IF model IS NULL THEN RETURN NULL; END IF;
    made := CASE WHEN wanted ~ '^[0-9A-Za-z][0-9A-Za-z._:-]{0,79}$'
                  AND NOT EXISTS (SELECT 1 FROM devices_device WHERE code = wanted)
                 THEN wanted ELSE left(g.code, 60) || '.' || left(md5(speaker::text || wanted), 12) END;
    INSERT INTO devices_device (id, code, name_zh, name_en, model_id, model_version, state, owner_department,
        owner_team_id, grid_id, area_path, lon, lat, compound_id, unit_id, tags, attributes_shared, attributes_client, gateway, parent_id,
        parent_name, terms, created_at, updated_at)
    VALUES (new_id, made, wanted, '', model, speaks, 'active', g.owner_department,
        g.owner_team_id, g.grid_id, g.area_path, g.lon, g.lat, g.compound_id, g.unit_id, '{}', '{}', '{}', false, g.id, wanted, words, clock_timestamp(),
        clock_timestamp());
    INSERT INTO kernel_audit (id, at, actor, action, kind, ref, area_path, detail)
    VALUES (gen_random_uuid(), clock_timestamp(), 'device:' || g.id, 'device.create', 'device', new_id, g.area_path,
        jsonb_build_object('code', made, 'model', model, 'gateway', g.code));
    PERFORM devices_emit('device.changed', 'device', new_id, g.area_path,
                         jsonb_build_object('change', 'created', 'state', 'active', 'code', made));
    PERFORM pg_notify('linli_outbox', '');
    RETURN new_id;
END $$;
