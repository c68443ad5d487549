-- `underpin_job_claim` with a place to begin at: `after` of a kind leaves out what ranks before it. Each row says where it stood.
-- The old function stays for the processes of older releases.
CREATE FUNCTION underpin_job_take(asks jsonb, lease_ms bigint, the_worker text)
    RETURNS TABLE (id text, run bigint, queue text, kind text, version integer, attempt integer, waited_ms bigint, payload text, headers text, place text)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
WITH ask AS MATERIALIZED (
    SELECT a.*, coalesce((a.after ->> 0)::timestamptz, '-infinity') AS after_rank, coalesce((a.after ->> 1)::timestamptz, '-infinity') AS after_due,
        coalesce((a.after ->> 2)::uuid, '00000000-0000-0000-0000-000000000000') AS after_id
    FROM jsonb_to_recordset(asks)
        AS a(queue text, kind text, version integer, most integer, queue_most integer, horizon_ms bigint, after jsonb)
    WHERE NOT EXISTS (SELECT FROM underpin_job_queue q WHERE q.queue = a.queue AND q.paused)
), picked AS MATERIALIZED (
    SELECT c.id, a.queue_most, row_number() OVER (PARTITION BY a.queue ORDER BY c.rank, c.id) AS place
    FROM ask a CROSS JOIN LATERAL (
        SELECT j.id, j.rank FROM underpin_job j
        WHERE j.queue = a.queue AND j.kind = a.kind AND j.run IS NULL AND (j.rank, j.due, j.id) > (a.after_rank, a.after_due, a.after_id)
            AND j.rank <= now() + a.horizon_ms * interval '1 millisecond' AND j.due <= now() AND j.version <= a.version
        ORDER BY j.rank, j.due, j.id LIMIT a.most FOR UPDATE SKIP LOCKED
    ) c
), claimed AS (
    UPDATE underpin_job j SET run = nextval('underpin_job_run_seq'), attempt = j.attempt + 1, worker = the_worker,
        lease_until = clock_timestamp() + lease_ms * interval '1 millisecond'
    FROM picked p WHERE j.id = p.id AND p.place <= p.queue_most
    RETURNING j.*
), started AS (
    DELETE FROM underpin_job_unique u USING claimed c
    WHERE c.unique_scope = 'started' AND u.kind = c.kind AND u.key = c.unique_key AND u.job = c.id
)
SELECT c.id::text, c.run, c.queue, c.kind, c.version, c.attempt,
    (extract(epoch FROM now() - c.due) * 1000)::bigint, c.payload, c.headers, jsonb_build_array(c.rank, c.due, c.id)::text
FROM claimed c ORDER BY c.rank, c.id;
END $$;

-- The same columns from each table, for operators.

CREATE VIEW underpin_job_live_status AS
SELECT id, kind, version, queue, CASE WHEN run IS NULL THEN 'waiting' ELSE 'running' END AS state, attempt,
    (extract(epoch FROM enqueued_at) * 1000)::bigint AS enqueued_at, (extract(epoch FROM due) * 1000)::bigint AS at, cancel_asked AS cancel,
    reason, done, total, note, payload, run
FROM underpin_job;

CREATE VIEW underpin_job_history_status AS
SELECT id, kind, version, queue, state, attempt,
    (extract(epoch FROM enqueued_at) * 1000)::bigint AS enqueued_at, (extract(epoch FROM ended_at) * 1000)::bigint AS at, false AS cancel,
    reason, NULL::bigint AS done, NULL::bigint AS total, NULL::text AS note, '' AS payload
FROM underpin_job_history;

CREATE VIEW underpin_job_dead_status AS
SELECT id, kind, version, queue, 'dead' AS state, attempt,
    (extract(epoch FROM enqueued_at) * 1000)::bigint AS enqueued_at, (extract(epoch FROM ended_at) * 1000)::bigint AS at, false AS cancel,
    reason, NULL::bigint AS done, NULL::bigint AS total, NULL::text AS note, payload
FROM underpin_job_dead;
