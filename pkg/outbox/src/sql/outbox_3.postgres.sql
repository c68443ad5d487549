-- A table that is nearly always empty has statistics that say so, and with them the planner walks all of a backlog for a
-- list of rows: 35 s for 1,024 rows of 300,000. So every statement that meets a table with a list of rows says in which
-- order: for each of the list, look into the index (`OFFSET 0` and loops keep the planner from turning that around).

CREATE OR REPLACE FUNCTION underpin_outbox_remove(lanes smallint[], ids bigint[]) RETURNS bigint
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE removed bigint;
BEGIN
PERFORM set_config('synchronous_commit', 'off', true);
DELETE FROM underpin_outbox WHERE ctid = ANY (ARRAY(
    SELECT r.place FROM ROWS FROM (unnest(lanes), unnest(ids)) AS w(lane, id)
    CROSS JOIN LATERAL (
        SELECT o.ctid AS place FROM underpin_outbox o WHERE o.lane = w.lane AND o.id = w.id OFFSET 0
    ) r));
GET DIAGNOSTICS removed = ROW_COUNT;
RETURN removed;
END $$;

CREATE OR REPLACE FUNCTION underpin_outbox_keep(lanes smallint[], ids bigint[]) RETURNS bigint
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE kept bigint;
BEGIN
PERFORM set_config('synchronous_commit', 'off', true);
WITH gone AS (
    DELETE FROM underpin_outbox d WHERE ctid = ANY (ARRAY(
    SELECT r.place FROM ROWS FROM (unnest(lanes), unnest(ids)) AS w(lane, id)
    CROSS JOIN LATERAL (
        SELECT o.ctid AS place FROM underpin_outbox o WHERE o.lane = w.lane AND o.id = w.id OFFSET 0
    ) r))
    RETURNING d.*
)
INSERT INTO underpin_outbox_sent (id, lane, key, envelope, created_at)
    SELECT g.id, g.lane, g.key, g.envelope, g.created_at FROM gone g ON CONFLICT DO NOTHING;
GET DIAGNOSTICS kept = ROW_COUNT;
RETURN kept;
END $$;

CREATE FUNCTION underpin_outbox_hold(failures jsonb) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE w record;
BEGIN
FOR w IN SELECT * FROM jsonb_to_recordset(failures)
    AS f(lane smallint, id bigint, attempts integer, reason text, delay_ms bigint, quarantine boolean)
LOOP
    WITH gone AS (DELETE FROM underpin_outbox o WHERE o.lane = w.lane AND o.id = w.id RETURNING o.*)
    INSERT INTO underpin_outbox_held
        (lane, key, id, envelope, created_at, attempts, reason, failed_at, due_at, quarantined_at)
    SELECT g.lane, g.key, g.id, g.envelope, g.created_at, w.attempts, w.reason,
        CASE WHEN w.attempts > 0 THEN clock_timestamp() END,
        clock_timestamp() + w.delay_ms * interval '1 millisecond',
        CASE WHEN w.quarantine THEN clock_timestamp() END
    FROM gone g;
END LOOP;
END $$;

CREATE FUNCTION underpin_outbox_fail_again(failures jsonb) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE w record;
BEGIN
FOR w IN SELECT * FROM jsonb_to_recordset(failures) AS f(lane smallint, key text, id bigint,
    attempts integer, reason text, delay_ms bigint, quarantine boolean)
LOOP
    UPDATE underpin_outbox_held h SET attempts = w.attempts, reason = w.reason, failed_at = clock_timestamp(),
        due_at = clock_timestamp() + w.delay_ms * interval '1 millisecond',
        quarantined_at = CASE WHEN w.quarantine THEN clock_timestamp() END
    WHERE h.lane = w.lane AND h.key = w.key AND h.id = w.id AND h.quarantined_at IS NULL;
END LOOP;
END $$;

CREATE FUNCTION underpin_outbox_remove_held(events jsonb) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE w record;
BEGIN
FOR w IN SELECT * FROM jsonb_to_recordset(events) AS e(lane smallint, key text, id bigint) LOOP
    DELETE FROM underpin_outbox_held h WHERE h.lane = w.lane AND h.key = w.key AND h.id = w.id;
END LOOP;
END $$;

CREATE FUNCTION underpin_outbox_keep_held(events jsonb) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE w record;
BEGIN
FOR w IN SELECT * FROM jsonb_to_recordset(events) AS e(lane smallint, key text, id bigint) LOOP
    WITH gone AS (
        DELETE FROM underpin_outbox_held h WHERE h.lane = w.lane AND h.key = w.key AND h.id = w.id RETURNING h.*
    )
    INSERT INTO underpin_outbox_sent (id, lane, key, envelope, created_at)
        SELECT g.id, g.lane, g.key, g.envelope, g.created_at FROM gone g ON CONFLICT DO NOTHING;
END LOOP;
END $$;

CREATE FUNCTION underpin_outbox_promote(keys jsonb, quarantined_too boolean) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE w record;
BEGIN
FOR w IN SELECT * FROM jsonb_to_recordset(keys) AS k(lane smallint, key text) LOOP
    UPDATE underpin_outbox_held h SET due_at = clock_timestamp()
    WHERE h.lane = w.lane AND h.key = w.key AND h.due_at IS NULL AND h.quarantined_at IS NULL AND h.id = (
        SELECT x.id FROM underpin_outbox_held x
        WHERE x.lane = w.lane AND x.key = w.key AND (x.quarantined_at IS NULL OR quarantined_too)
        ORDER BY x.lane, x.key, x.id LIMIT 1);
END LOOP;
END $$;

CREATE FUNCTION underpin_outbox_heads(lanes smallint[], quarantined_too boolean)
    RETURNS TABLE (lane smallint, key text, due_in_ms bigint)
    STABLE
    SET enable_sort = off
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
SELECT r.lane, r.key, (extract(epoch FROM r.due_at - clock_timestamp()) * 1000)::bigint
FROM unnest(lanes) AS w(lane) CROSS JOIN LATERAL (
    SELECT h.lane, h.key, h.due_at FROM underpin_outbox_held h
    WHERE h.lane = w.lane AND (h.due_at IS NOT NULL OR h.quarantined_at IS NOT NULL)
    ORDER BY h.lane, h.due_at OFFSET 0
) r
WHERE r.due_at IS NOT NULL OR quarantined_too;
END $$;

CREATE FUNCTION underpin_outbox_held_rows(the_lane smallint, the_key text, most bigint)
    RETURNS TABLE (id bigint, envelope text, attempts integer, age_ms bigint)
    STABLE
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
SELECT h.id, h.envelope, h.attempts, (extract(epoch FROM clock_timestamp() - h.created_at) * 1000)::bigint
FROM underpin_outbox_held h WHERE h.lane = the_lane AND h.key = the_key AND h.quarantined_at IS NULL
ORDER BY h.lane, h.key, h.id LIMIT most;
END $$;
