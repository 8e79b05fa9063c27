-- Devices that register themselves by the key of a profile, on behalf of the gateway. One statement, one transaction.

-- `ask`: {key, name, new_id, protocol, hint, gateway, heard, certificate, expires_at}; `secret` and `credential` are HMACs; `words` search words.
-- `heard`: the gateway heard the device of that code lately, which may not be written down yet. Status: made, again (its
-- answer was lost, or a person let it), known (it has just this credential), or why not.
CREATE OR REPLACE FUNCTION devices_provision(ask jsonb, secret bytea, credential bytea, words text[])
RETURNS TABLE (status text, device uuid) LANGUAGE plpgsql AS $$
DECLARE p devices_provisioning_profile; d devices_device; wanted text; refused text;
BEGIN
    SELECT * INTO p FROM devices_provisioning_profile x WHERE x.key = ask->>'key' AND x.secret_hash = secret FOR UPDATE;
    IF p.id IS NULL THEN RETURN QUERY SELECT 'not-found', NULL::uuid; RETURN; END IF;
    IF NOT p.enabled OR p.ended_at IS NOT NULL OR p.expires_at <= clock_timestamp() THEN
        RETURN QUERY SELECT 'closed', NULL::uuid; RETURN;
    END IF;
    IF (ask->>'gateway')::boolean AND NOT p.gateways THEN RETURN QUERY SELECT 'no-gateways', NULL::uuid; RETURN; END IF;
    wanted := CASE WHEN ask->>'name' ~ '^[0-9A-Za-z][0-9A-Za-z._:-]{0,79}$' THEN ask->>'name'
                   ELSE 'P.' || left(md5(p.id::text || (ask->>'name')), 16) END;
    SELECT * INTO d FROM devices_device x WHERE x.code = wanted FOR UPDATE;
    IF d.id IS NOT NULL AND EXISTS (SELECT 1 FROM devices_provisioned r JOIN devices_credential c ON c.device_id = r.device_id
              WHERE r.device_id = d.id AND r.profile_id = p.id AND c.token_hash = credential AND c.revoked_at IS NULL
                AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp()) AND d.state <> 'retired') THEN
        RETURN QUERY SELECT 'known', d.id; RETURN;
    END IF;
    IF EXISTS (SELECT 1 FROM devices_credential c WHERE c.token_hash = credential) THEN
        RETURN QUERY SELECT 'credential-taken', d.id; RETURN;
    END IF;
    refused := CASE WHEN d.id IS NULL AND NOT p.creates THEN 'not-registered'
                    WHEN d.id IS NOT NULL THEN devices_provision_refused(p, d, (ask->>'heard')::boolean) END;
    IF refused IS NULL AND NOT EXISTS (SELECT 1 FROM devices_provisioned r WHERE r.device_id = d.id AND r.profile_id = p.id)
       AND (SELECT count(*) FROM devices_provisioned r WHERE r.profile_id = p.id) >= p.max_devices THEN
        refused := 'full';
    END IF;
    IF refused IS NOT NULL THEN RETURN QUERY SELECT refused, d.id; RETURN; END IF;
    RETURN QUERY SELECT CASE WHEN d.id IS NULL THEN 'made' ELSE 'again' END,
                        devices_provision_enter(p, d, wanted, ask, credential, words);
EXCEPTION WHEN unique_violation THEN  -- another profile made that code, or another device that credential, just now
    RETURN QUERY SELECT 'taken', NULL::uuid;
WHEN SQLSTATE 'LL002' THEN  -- nothing new is of a retired thing model
    RETURN QUERY SELECT 'model-retired', NULL::uuid;
END $$;

-- Why a device that is there may not have a credential by this profile; NULL when it may. A device that never spoke and
-- has no credential was registered for this; one that got an answer may lose it for ten minutes, as long as nobody spoke
-- by it. Whoever has the key, and no more, gets no device that speaks.
CREATE OR REPLACE FUNCTION devices_provision_refused(p devices_provisioning_profile, d devices_device, heard boolean)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE r devices_provisioned; silent boolean;
BEGIN
    IF d.state = 'retired' OR d.parent_id IS NOT NULL OR d.model_id <> p.model_id
       OR NOT (d.area_path = p.area_path OR starts_with(d.area_path, p.area_path || '.')) THEN RETURN 'taken'; END IF;
    SELECT * INTO r FROM devices_provisioned x WHERE x.device_id = d.id;
    IF r.forced AND r.open_until > clock_timestamp() THEN RETURN NULL; END IF;
    silent := NOT heard AND NOT EXISTS (SELECT 1 FROM devices_status s WHERE s.device_id = d.id AND s.last_seen IS NOT NULL);
    IF NOT silent THEN RETURN 'speaks'; END IF;
    IF r.device_id IS NULL THEN
        RETURN CASE WHEN EXISTS (SELECT 1 FROM devices_credential c WHERE c.device_id = d.id AND c.revoked_at IS NULL)
               THEN 'has-credential' END;
    END IF;
    RETURN CASE WHEN r.profile_id = p.id AND r.open_until > clock_timestamp() THEN NULL ELSE 'too-late' END;
END $$;

-- The device, made when there is none, with its one credential. `d` may be all NULL.
CREATE OR REPLACE FUNCTION devices_provision_enter(p devices_provisioning_profile, d devices_device, wanted text, ask jsonb,
                                                   credential bytea, words text[])
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE found uuid := coalesce(d.id, (ask->>'new_id')::uuid); is_new boolean := d.id IS NULL; area text;
        now_ timestamptz := clock_timestamp();
BEGIN
    IF is_new THEN
        INSERT INTO devices_device (id, code, name_zh, name_en, model_id, model_version, state, owner_department,
            owner_team_id, grid_id, area_path, lon, lat, compound_id, unit_id, tags, attributes_shared, attributes_client,
            gateway, parent_id, parent_name, terms, created_at, updated_at)
        SELECT found, wanted, ask->>'name', '', m.code, m.version, CASE WHEN p.claimable THEN 'planned' ELSE 'active' END,
            CASE WHEN p.claimable THEN '' ELSE p.owner_department END, CASE WHEN p.claimable THEN NULL ELSE p.owner_team_id END,
            p.grid_id, p.area_path, NULL, NULL, NULL, NULL, '{}', '{}', '{}', (ask->>'gateway')::boolean, NULL, '', words,
            now_, now_
        FROM devices_thing_model m WHERE m.code = p.model_id AND m.subject = 'place';
        area := p.area_path;
    ELSE
        IF (ask->>'gateway')::boolean AND NOT d.gateway THEN
            UPDATE devices_device SET gateway = true, updated_at = now_ WHERE id = d.id;
        END IF;
        UPDATE devices_credential SET revoked_at = now_
        WHERE device_id = d.id AND revoked_at IS NULL AND protocol IN ('', 'mqtt-basic', 'x509');
        area := d.area_path;
    END IF;
    INSERT INTO devices_credential (id, device_id, token_hash, hint, protocol, certificate, expires_at, created_at)
    VALUES (gen_random_uuid(), found, credential, ask->>'hint', ask->>'protocol', decode(ask->>'certificate', 'hex'),
            (ask->>'expires_at')::timestamptz, now_);
    INSERT INTO devices_provisioned AS r (device_id, profile_id, at, open_until, forced)
    VALUES (found, p.id, now_, now_ + interval '10 minutes', false)
    ON CONFLICT (device_id) DO UPDATE SET
        profile_id = p.id, at = now_, forced = false,
        -- the ten minutes are those of the first answer: nobody keeps the door open by asking
        open_until = CASE WHEN r.profile_id = p.id AND NOT r.forced THEN r.open_until ELSE excluded.open_until END;
    INSERT INTO kernel_audit (id, at, actor, action, kind, ref, area_path, detail)
    VALUES (gen_random_uuid(), now_, 'device:' || found, 'device.provision', 'device', found, area,
        jsonb_build_object('profile', p.key, 'made', is_new, 'code', coalesce(d.code, wanted)));
    PERFORM devices_emit('device.changed', 'device', found, area, jsonb_build_object(
        'change', CASE WHEN is_new THEN 'created' ELSE 'credentials' END,
        'state', coalesce(d.state, CASE WHEN p.claimable THEN 'planned' ELSE 'active' END), 'code', coalesce(d.code, wanted)));
    PERFORM pg_notify('linli_outbox', '');
    RETURN found;
END $$;

-- What a device says about being claimed: a secret (as HMAC) and how long it holds. A new one takes the old one's place.
-- Returns whether it may be claimed at all: not what has an owner, nor anything but a place's.
CREATE OR REPLACE FUNCTION devices_claim_ask(speaker uuid, secret bytea, holds_ms bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE d devices_device; open_already boolean; now_ timestamptz := clock_timestamp();
BEGIN
    SELECT x.* INTO d FROM devices_device x JOIN devices_thing_model m ON m.code = x.model_id
    WHERE x.id = speaker AND x.state IN ('planned', 'active') AND m.subject = 'place' AND x.owner_department = ''
      AND x.owner_team_id IS NULL FOR UPDATE OF x;
    IF d.id IS NULL THEN RETURN false; END IF;
    open_already := EXISTS (SELECT 1 FROM devices_claim c WHERE c.device_id = speaker AND c.expires_at > now_);
    INSERT INTO devices_claim (device_id, secret_hash, expires_at, tries, asked_at)
    VALUES (speaker, secret, now_ + holds_ms * interval '1 millisecond', 0, now_)
    ON CONFLICT (device_id) DO UPDATE SET secret_hash = excluded.secret_hash, expires_at = excluded.expires_at,
        tries = 0, asked_at = now_;
    IF NOT open_already THEN  -- one that asks every second fills no audit
        INSERT INTO kernel_audit (id, at, actor, action, kind, ref, area_path, detail)
        VALUES (gen_random_uuid(), now_, 'device:' || speaker, 'device.claim_asked', 'device', speaker, d.area_path,
            jsonb_build_object('holds_ms', holds_ms));
    END IF;
    RETURN true;
END $$;
