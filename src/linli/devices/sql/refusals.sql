-- Who asked a profile for a credential and got none: kept by name and reason, so that somebody can see why a device is not there.

-- As devices_provision, and notes a refusal at the profile whose key was used. A wrong secret is noted as `wrong-secret`; a key
-- that no profile has is nobody's. A profile keeps 500 names at most: further ones are counted together under the name ''.
CREATE OR REPLACE FUNCTION devices_provision_noted(ask jsonb, secret bytea, credential bytea, words text[])
RETURNS TABLE (status text, device uuid) LANGUAGE plpgsql AS $$
DECLARE said text; found uuid; p record; wanted text; why text; fresh boolean;
BEGIN
    SELECT r.status, r.device INTO said, found FROM devices_provision(ask, secret, credential, words) r;
    IF said NOT IN ('made', 'again', 'known') THEN
        SELECT x.id, x.area_path INTO p FROM devices_provisioning_profile x WHERE x.key = ask->>'key';
        IF p.id IS NOT NULL THEN
            why := CASE said WHEN 'not-found' THEN 'wrong-secret' ELSE said END;
            wanted := left(ask->>'name', 120);
            IF (SELECT count(*) FROM devices_provision_refusal f WHERE f.profile_id = p.id) >= 500 AND NOT EXISTS (
                SELECT 1 FROM devices_provision_refusal f WHERE f.profile_id = p.id AND f.name = wanted AND f.reason = why)
            THEN wanted := ''; END IF;
            -- one that asks every second is news once a minute
            fresh := NOT EXISTS (SELECT 1 FROM devices_provision_refusal f WHERE f.profile_id = p.id AND f.name = wanted
                                 AND f.reason = why AND f.last_at > clock_timestamp() - interval '1 minute');
            INSERT INTO devices_provision_refusal AS f (id, profile_id, name, reason, device_id, count, first_at, last_at)
            VALUES (gen_random_uuid(), p.id, wanted, why, CASE WHEN wanted <> '' THEN found END, 1, clock_timestamp(),
                    clock_timestamp())
            ON CONFLICT (profile_id, name, reason) DO UPDATE SET
                count = f.count + 1, last_at = excluded.last_at, device_id = excluded.device_id;
            IF fresh THEN PERFORM devices_refusal_news(p.id, p.area_path); END IF;
        END IF;
    END IF;
    RETURN QUERY SELECT said, found;
END $$;

-- Only those who see profiles hear it.
CREATE OR REPLACE FUNCTION devices_refusal_news(profile uuid, area text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO kernel_outbox (id, type, envelope, created_at)
    SELECT e.id, 'provisioning.changed', jsonb_build_object(
        'id', e.id, 'type', 'provisioning.changed', 'at', devices_iso(clock_timestamp()), 'kind', 'provisioning_profile',
        'ref', profile, 'area', area, 'centre', NULL, 'audience', 'staff', 'permission', 'devices.credentials',
        'data', jsonb_build_object('change', 'refused')), clock_timestamp()
    FROM (SELECT gen_random_uuid() AS id) e;
    SELECT pg_notify('linli_outbox', '');
$$;
