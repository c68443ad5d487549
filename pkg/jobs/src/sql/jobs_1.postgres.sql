-- `underpin_job` holds what waits or runs, nothing else: a job that ends leaves it in the statement that ends it. One partial
-- index serves the claims, one the rescues.

CREATE SEQUENCE underpin_job_run_seq;

CREATE TABLE underpin_job (
    id uuid PRIMARY KEY,
    queue text NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    rescues integer NOT NULL DEFAULT 0,
    due timestamptz NOT NULL,
    -- The due time and, for each priority below the first, one `aging`: the order of the claims.
    rank timestamptz NOT NULL,
    enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The fencing token of the attempt; NULL while the job waits.
    run bigint,
    worker text,
    lease_until timestamptz,
    cancel_asked boolean NOT NULL DEFAULT false,
    unique_key text,
    unique_scope text,
    reason text,
    done bigint,
    total bigint,
    note text,
    headers text NOT NULL,
    payload text NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX underpin_job_waiting ON underpin_job (queue, kind, rank, due, id) WHERE run IS NULL;

CREATE INDEX underpin_job_running ON underpin_job (lease_until) WHERE run IS NOT NULL;

CREATE TABLE underpin_job_history (
    id uuid PRIMARY KEY,
    queue text NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    attempt integer NOT NULL,
    enqueued_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text NOT NULL,
    reason text
);

CREATE INDEX underpin_job_history_ended_at ON underpin_job_history (ended_at);

CREATE TABLE underpin_job_dead (
    id uuid PRIMARY KEY,
    queue text NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    attempt integer NOT NULL,
    enqueued_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    rank_offset interval NOT NULL,
    reason text,
    headers text NOT NULL,
    payload text NOT NULL
);

-- Unique keys. No change of a job's state touches one, but for its release.
CREATE TABLE underpin_job_unique (
    kind text NOT NULL,
    key text NOT NULL,
    job uuid NOT NULL,
    -- When a window ends; NULL for the other scopes.
    until timestamptz,
    PRIMARY KEY (kind, key)
);

CREATE INDEX underpin_job_unique_until ON underpin_job_unique (until) WHERE until IS NOT NULL;

CREATE TABLE underpin_job_queue (
    queue text PRIMARY KEY,
    paused boolean NOT NULL DEFAULT false,
    -- Whether producers send a NOTIFY.
    notify boolean NOT NULL DEFAULT true
);

-- Functions, because they carry their own planner settings: a plan made while a table was small would be kept when it is
-- large. Lists are met in a loop (`LATERAL`), in the order of the ids where rows are locked.

CREATE FUNCTION underpin_job_claim(asks jsonb, lease_ms bigint, the_worker text)
    RETURNS TABLE (id text, run bigint, queue text, kind text, version integer, attempt integer, waited_ms bigint, payload text, headers text)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
WITH ask AS MATERIALIZED (
    SELECT a.* FROM jsonb_to_recordset(asks)
        AS a(queue text, kind text, version integer, most integer, queue_most integer, horizon_ms bigint)
    WHERE NOT EXISTS (SELECT FROM underpin_job_queue q WHERE q.queue = a.queue AND q.paused)
), picked AS MATERIALIZED (
    SELECT c.id, a.queue_most, row_number() OVER (PARTITION BY a.queue ORDER BY c.rank, c.id) AS place
    FROM ask a CROSS JOIN LATERAL (
        SELECT j.id, j.rank FROM underpin_job j
        WHERE j.queue = a.queue AND j.kind = a.kind AND j.run IS NULL
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
    (extract(epoch FROM now() - c.due) * 1000)::bigint, c.payload, c.headers
FROM claimed c ORDER BY c.rank, c.id;
END $$;

CREATE FUNCTION underpin_job_finish(results jsonb) RETURNS TABLE (id text, run bigint)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
-- Jobs that end are locked before those that go back. A group of both is locked in the order of the ids first, as progress does:
-- otherwise each could wait for the other.
IF EXISTS (SELECT FROM jsonb_to_recordset(results) AS r(verdict text) WHERE r.verdict NOT IN ('done', 'dead', 'cancelled')) THEN
    PERFORM FROM (SELECT r.* FROM jsonb_to_recordset(results) AS r(id uuid, run bigint) ORDER BY r.id) r
    CROSS JOIN LATERAL (SELECT FROM underpin_job h WHERE h.id = r.id AND h.run = r.run FOR UPDATE) j;
END IF;
RETURN QUERY
WITH result AS MATERIALIZED (
    SELECT r.* FROM jsonb_to_recordset(results)
        AS r(id uuid, run bigint, verdict text, after_ms bigint, reason text, free boolean, keep boolean)
    ORDER BY r.id
), held AS MATERIALIZED (
    -- What goes back unless a cancellation was asked for, which the lock settles.
    SELECT r.*, j.cancel_asked FROM result r CROSS JOIN LATERAL (
        SELECT h.cancel_asked FROM underpin_job h WHERE h.id = r.id AND h.run = r.run FOR UPDATE
    ) j
    WHERE r.verdict NOT IN ('done', 'dead', 'cancelled')
), ending AS MATERIALIZED (
    SELECT r.id, r.run, r.reason, r.keep, r.verdict AS becomes FROM result r
    WHERE r.verdict IN ('done', 'dead', 'cancelled')
    UNION ALL
    SELECT h.id, h.run, h.reason, h.keep, 'cancelled' FROM held h WHERE h.cancel_asked
), gone AS (
    DELETE FROM underpin_job j USING ending e WHERE j.id = e.id AND j.run = e.run
    RETURNING j.*, e.becomes, coalesce(e.reason, j.reason) AS why, e.keep
), history AS (
    INSERT INTO underpin_job_history (id, queue, kind, version, attempt, enqueued_at, state, reason)
    SELECT g.id, g.queue, g.kind, g.version, g.attempt, g.enqueued_at, g.becomes, g.why
    FROM gone g WHERE g.keep AND g.becomes <> 'dead' ON CONFLICT DO NOTHING
), dead AS (
    INSERT INTO underpin_job_dead (id, queue, kind, version, attempt, enqueued_at, rank_offset, reason, headers, payload)
    SELECT g.id, g.queue, g.kind, g.version, g.attempt, g.enqueued_at, g.rank - g.due, g.why, g.headers, g.payload
    FROM gone g WHERE g.becomes = 'dead' ON CONFLICT DO NOTHING
), released AS (
    DELETE FROM underpin_job_unique u USING gone g
    WHERE g.unique_scope IN ('started', 'finished') AND u.kind = g.kind AND u.key = g.unique_key AND u.job = g.id
), back AS (
    UPDATE underpin_job j SET run = NULL, worker = NULL, lease_until = NULL, done = NULL, total = NULL, note = NULL,
        reason = coalesce(h.reason, j.reason), attempt = CASE WHEN h.free THEN j.attempt - 1 ELSE j.attempt END,
        due = coalesce(clock_timestamp() + h.after_ms * interval '1 millisecond', j.due),
        rank = coalesce(clock_timestamp() + h.after_ms * interval '1 millisecond' + (j.rank - j.due), j.rank)
    FROM held h WHERE j.id = h.id AND NOT h.cancel_asked
)
SELECT g.id::text, g.run FROM gone g UNION ALL SELECT h.id::text, h.run FROM held h WHERE NOT h.cancel_asked;
END $$;

CREATE FUNCTION underpin_job_heartbeat(runs jsonb, lease_ms bigint) RETURNS TABLE (id text, run bigint, cancel boolean)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
WITH beat AS MATERIALIZED (SELECT r.* FROM jsonb_to_recordset(runs) AS r(id uuid, run bigint) ORDER BY r.id),
seen AS MATERIALIZED (
    SELECT b.id, b.run, j.cancel_asked FROM beat b CROSS JOIN LATERAL (
        SELECT h.cancel_asked FROM underpin_job h WHERE h.id = b.id AND h.run = b.run
    ) j
),
-- A row that a transaction holds, such as that of a completion, must not delay the leases of the others.
held AS MATERIALIZED (
    SELECT s.id FROM seen s CROSS JOIN LATERAL (
        SELECT FROM underpin_job h WHERE h.id = s.id AND h.run = s.run FOR UPDATE SKIP LOCKED
    ) j
),
renewed AS (
    UPDATE underpin_job j SET lease_until = clock_timestamp() + lease_ms * interval '1 millisecond'
    FROM held h WHERE j.id = h.id
)
SELECT s.id::text, s.run, s.cancel_asked FROM seen s;
END $$;

CREATE FUNCTION underpin_job_progress(reports jsonb) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
WITH report AS MATERIALIZED (
    SELECT r.* FROM jsonb_to_recordset(reports) AS r(id uuid, run bigint, done bigint, total bigint, note text) ORDER BY r.id
), held AS MATERIALIZED (
    SELECT r.* FROM report r CROSS JOIN LATERAL (
        SELECT FROM underpin_job h WHERE h.id = r.id AND h.run = r.run FOR UPDATE
    ) j
)
UPDATE underpin_job j SET done = greatest(j.done, h.done), total = h.total, note = h.note FROM held h WHERE j.id = h.id;
END $$;

CREATE FUNCTION underpin_job_rescue(kinds jsonb, most integer) RETURNS TABLE (id text, kind text, outcome text)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
WITH known AS MATERIALIZED (SELECT k.* FROM jsonb_to_recordset(kinds) AS k(kind text, version integer)),
lost AS MATERIALIZED (
    SELECT j.id, CASE WHEN j.cancel_asked THEN 'cancelled' WHEN j.rescues >= most THEN 'dead' ELSE 'requeued' END AS becomes
    FROM underpin_job j
    WHERE j.run IS NOT NULL AND j.lease_until < now()
        AND EXISTS (SELECT FROM known k WHERE k.kind = j.kind AND j.version <= k.version)
    ORDER BY j.lease_until LIMIT 100 FOR UPDATE OF j SKIP LOCKED
), gone AS (
    DELETE FROM underpin_job j USING lost l WHERE j.id = l.id AND l.becomes <> 'requeued' RETURNING j.*, l.becomes
), history AS (
    INSERT INTO underpin_job_history (id, queue, kind, version, attempt, enqueued_at, state, reason)
    SELECT g.id, g.queue, g.kind, g.version, g.attempt, g.enqueued_at, g.becomes, g.reason
    FROM gone g WHERE g.becomes = 'cancelled' ON CONFLICT DO NOTHING
), dead AS (
    INSERT INTO underpin_job_dead (id, queue, kind, version, attempt, enqueued_at, rank_offset, reason, headers, payload)
    SELECT g.id, g.queue, g.kind, g.version, g.attempt, g.enqueued_at, g.rank - g.due, 'lost', g.headers, g.payload
    FROM gone g WHERE g.becomes = 'dead' ON CONFLICT DO NOTHING
), released AS (
    DELETE FROM underpin_job_unique u USING gone g
    WHERE g.unique_scope IN ('started', 'finished') AND u.kind = g.kind AND u.key = g.unique_key AND u.job = g.id
), back AS (
    -- From the second time on at moments that are far apart: a job that kills its process must not take the same others with it.
    UPDATE underpin_job j SET run = NULL, worker = NULL, lease_until = NULL, rescues = j.rescues + 1, reason = 'lost',
        done = NULL, total = NULL, note = NULL,
        due = CASE WHEN j.rescues > 0 THEN now() + random() * power(2, least(j.rescues, 6)) * interval '1 second' ELSE j.due END
    FROM lost l WHERE j.id = l.id AND l.becomes = 'requeued'
    RETURNING j.id, j.kind
)
SELECT g.id::text, g.kind, g.becomes FROM gone g UNION ALL SELECT b.id::text, b.kind, 'requeued' FROM back b;
END $$;

-- Completes the job of an attempt in the transaction of the caller; no row when the attempt has lost it.
CREATE FUNCTION underpin_job_complete(the_id uuid, the_run bigint, keep boolean) RETURNS SETOF text
    LANGUAGE sql
AS $$
WITH gone AS (
    DELETE FROM underpin_job j WHERE j.id = the_id AND j.run = the_run RETURNING j.*
), history AS (
    INSERT INTO underpin_job_history (id, queue, kind, version, attempt, enqueued_at, state, reason)
    SELECT g.id, g.queue, g.kind, g.version, g.attempt, g.enqueued_at, 'done', g.reason FROM gone g WHERE keep
    ON CONFLICT DO NOTHING
), released AS (
    DELETE FROM underpin_job_unique u USING gone g
    WHERE g.unique_scope IN ('started', 'finished') AND u.kind = g.kind AND u.key = g.unique_key AND u.job = g.id
)
SELECT g.id::text FROM gone g;
$$;

CREATE FUNCTION underpin_job_cancel(the_id uuid) RETURNS text
    LANGUAGE plpgsql
AS $$
DECLARE the_run bigint;
BEGIN
SELECT j.run INTO the_run FROM underpin_job j WHERE j.id = the_id FOR UPDATE;
IF NOT FOUND THEN
    RETURN CASE WHEN EXISTS (SELECT FROM underpin_job_history h WHERE h.id = the_id)
        OR EXISTS (SELECT FROM underpin_job_dead d WHERE d.id = the_id) THEN 'ended' ELSE 'unknown' END;
END IF;
IF the_run IS NOT NULL THEN
    UPDATE underpin_job SET cancel_asked = true WHERE id = the_id;
    RETURN 'asked';
END IF;
WITH gone AS (
    DELETE FROM underpin_job j WHERE j.id = the_id RETURNING j.*
), history AS (
    INSERT INTO underpin_job_history (id, queue, kind, version, attempt, enqueued_at, state, reason)
    SELECT g.id, g.queue, g.kind, g.version, g.attempt, g.enqueued_at, 'cancelled', g.reason FROM gone g
    ON CONFLICT DO NOTHING
)
DELETE FROM underpin_job_unique u USING gone g
WHERE g.unique_scope IN ('started', 'finished') AND u.kind = g.kind AND u.key = g.unique_key AND u.job = g.id;
RETURN 'removed';
END $$;

-- Takes a unique key and inserts nothing itself; the job that holds the key is returned. An existing key is not locked: the
-- job that holds it must be able to end.
CREATE FUNCTION underpin_job_take_key(the_kind text, the_key text, the_job uuid, window_ms bigint) RETURNS text
    LANGUAGE plpgsql
AS $$
DECLARE
    holder uuid;
    ends timestamptz;
    new_end timestamptz := clock_timestamp() + window_ms * interval '1 millisecond';
BEGIN
LOOP
    INSERT INTO underpin_job_unique (kind, key, job, until) VALUES (the_kind, the_key, the_job, new_end) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN the_job::text;
    END IF;
    SELECT u.job, u.until INTO holder, ends FROM underpin_job_unique u WHERE u.kind = the_kind AND u.key = the_key;
    IF FOUND AND (ends IS NULL OR ends > clock_timestamp()) THEN
        RETURN holder::text;
    ELSIF FOUND THEN
        UPDATE underpin_job_unique u SET job = the_job, until = new_end
        WHERE u.kind = the_kind AND u.key = the_key AND u.until = ends;
        IF FOUND THEN
            RETURN the_job::text;
        END IF;
    END IF;
END LOOP;
END $$;

CREATE FUNCTION underpin_job_replay(the_id uuid) RETURNS SETOF text
    LANGUAGE sql
AS $$
WITH dead AS (DELETE FROM underpin_job_dead d WHERE d.id = the_id RETURNING d.*)
INSERT INTO underpin_job (id, queue, kind, version, due, rank, enqueued_at, reason, headers, payload)
SELECT d.id, d.queue, d.kind, d.version, clock_timestamp(), clock_timestamp() + d.rank_offset, d.enqueued_at, d.reason, d.headers, d.payload
FROM dead d RETURNING id::text;
$$;
