-- A thing model that is retired takes no new device, whichever way one comes: by a person, a sheet, a program, a profile
-- or a gateway. The rule stands here once, at the table; what asks for a device says in its own words that it got none.

CREATE OR REPLACE FUNCTION devices_model_takes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM devices_thing_model m WHERE m.code = NEW.model_id AND m.retired_at IS NOT NULL) THEN
        RAISE EXCEPTION 'thing model % is retired: no new device is of it', NEW.model_id USING ERRCODE = 'LL002';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER devices_device_model_new BEFORE INSERT ON devices_device
FOR EACH ROW EXECUTE FUNCTION devices_model_takes();
CREATE OR REPLACE TRIGGER devices_device_model_other BEFORE UPDATE OF model_id ON devices_device
FOR EACH ROW WHEN (NEW.model_id IS DISTINCT FROM OLD.model_id) EXECUTE FUNCTION devices_model_takes();

-- As devices_child, and says why the child is none where its gateway named a thing model that is retired.
CREATE OR REPLACE FUNCTION devices_child_told(speaker uuid, wanted text, kind text, new_id uuid, words text[])
RETURNS TABLE (child uuid, why text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT devices_child(speaker, wanted, kind, new_id, words), '';
EXCEPTION WHEN SQLSTATE 'LL002' THEN
    RETURN QUERY SELECT NULL::uuid, 'type: ' || SQLERRM;
END $$;
