-- One owner a partition of the stream. A new owner gets a higher epoch; whatever the old one still writes is refused.

CREATE OR REPLACE FUNCTION devices_sense_leases(me text, ttl_s double precision, partitions integer, dead text[])
RETURNS TABLE (partition smallint, epoch bigint, surplus boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    t timestamptz := clock_timestamp();
    ttl interval := make_interval(secs => ttl_s);
    members integer; fair integer; held integer;
BEGIN
    INSERT INTO devices_sense_member AS m (owner, seen_at) VALUES (me, t)
        ON CONFLICT (owner) DO UPDATE SET seen_at = excluded.seen_at;
    DELETE FROM devices_sense_member m WHERE m.owner = ANY(dead) OR m.seen_at < t - 3 * ttl;
    SELECT count(*) INTO members FROM devices_sense_member m WHERE m.seen_at > t - ttl;
    fair := ceil(partitions::numeric / greatest(members, 1));
    INSERT INTO devices_sense_lease (partition, owner, epoch, expires_at, sequence)
        SELECT g, '', 0, t, 0 FROM generate_series(0, partitions - 1) g
        WHERE NOT EXISTS (SELECT 1 FROM devices_sense_lease l WHERE l.partition = g)
        ON CONFLICT (partition) DO NOTHING;
    UPDATE devices_sense_lease l SET expires_at = t WHERE l.owner = ANY(dead) AND l.owner <> me AND l.expires_at > t;
    UPDATE devices_sense_lease l SET expires_at = t + ttl WHERE l.owner = me AND l.partition < partitions;
    GET DIAGNOSTICS held = ROW_COUNT;
    IF held < fair THEN
        UPDATE devices_sense_lease l SET owner = me, epoch = l.epoch + 1, expires_at = t + ttl
        FROM (SELECT f.partition FROM devices_sense_lease f
              WHERE f.partition < partitions AND f.owner <> me AND (f.owner = '' OR f.expires_at <= t)
              ORDER BY f.partition LIMIT fair - held FOR UPDATE SKIP LOCKED) free
        WHERE l.partition = free.partition;
    END IF;
    RETURN QUERY SELECT l.partition, l.epoch, row_number() OVER (ORDER BY l.partition) > fair
                 FROM devices_sense_lease l WHERE l.owner = me AND l.partition < partitions ORDER BY l.partition;
END $$;

CREATE OR REPLACE FUNCTION devices_sense_release(me text, part integer) RETURNS boolean LANGUAGE sql AS $$
    UPDATE devices_sense_lease l SET owner = '', expires_at = clock_timestamp()
    WHERE l.partition = part AND l.owner = me RETURNING true
$$;

CREATE OR REPLACE FUNCTION devices_sense_snapshot(part integer, under bigint, seq bigint, bytes bytea)
RETURNS boolean LANGUAGE sql AS $$
    UPDATE devices_sense_lease l SET sequence = seq, state = bytes, saved_at = clock_timestamp()
    WHERE l.partition = part AND l.epoch = under RETURNING true
$$;
