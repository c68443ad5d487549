-- `underpin_outbox` has one index and rows are never updated: enqueuing costs one insert, sending one delete. Everything
-- that fails moves to `underpin_outbox_held`, so that neither a waiting row nor a dead one stands in the way of the rest.

CREATE SEQUENCE underpin_outbox_id_seq;

-- The id is drawn after the transaction has a number of its own: that is what lets a relay know that no row below a
-- mark can still appear (see `relay::partitions`).
CREATE TABLE underpin_outbox (
    lane smallint NOT NULL,
    id bigint NOT NULL DEFAULT
        CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('underpin_outbox_id_seq') END,
    key text NOT NULL,
    envelope text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (lane, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);

-- The head of a key that failed has a time at which it is due; the rows behind it have none.
CREATE TABLE underpin_outbox_held (
    lane smallint NOT NULL,
    key text NOT NULL,
    id bigint NOT NULL,
    envelope text NOT NULL,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    reason text,
    failed_at timestamptz,
    due_at timestamptz,
    quarantined_at timestamptz,
    PRIMARY KEY (lane, key, id)
);

CREATE INDEX underpin_outbox_held_heads ON underpin_outbox_held (lane, due_at)
WHERE due_at IS NOT NULL OR quarantined_at IS NOT NULL;

CREATE INDEX underpin_outbox_held_quarantine ON underpin_outbox_held (id) WHERE quarantined_at IS NOT NULL;

CREATE TABLE underpin_outbox_sent (
    id bigint PRIMARY KEY,
    lane smallint NOT NULL,
    key text NOT NULL,
    envelope text NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX underpin_outbox_sent_at ON underpin_outbox_sent (sent_at);

CREATE TABLE underpin_outbox_lanes (
    lane smallint PRIMARY KEY,
    owner text,
    expires_at timestamptz,
    floor bigint NOT NULL DEFAULT 0,
    bell boolean NOT NULL DEFAULT true
) WITH (fillfactor = 50);

INSERT INTO underpin_outbox_lanes (lane) SELECT generate_series(0, 31);

CREATE TABLE underpin_outbox_relays (relay text PRIMARY KEY, seen_until timestamptz NOT NULL);

-- Functions, because they carry their own planner settings: a plan made while the table was small (a sequential scan,
-- a hash join) would be kept when it is large, and compiling a plan takes longer than running it.
CREATE FUNCTION underpin_outbox_fetch(lanes smallint[], floors bigint[], most integer, bytes bigint)
    RETURNS TABLE (oldest bigint, lane smallint, id bigint, key text, envelope text, age_ms bigint)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
SELECT h.oldest, r.lane, r.id, r.key, r.envelope,
       (extract(epoch FROM clock_timestamp() - r.created_at) * 1000)::bigint
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest) h LEFT JOIN LATERAL (
    SELECT c.* FROM ROWS FROM (unnest(lanes), unnest(floors)) AS w(lane, floor)
    CROSS JOIN LATERAL (
        SELECT b.*, sum(octet_length(b.envelope)) OVER (ORDER BY b.id) - octet_length(b.envelope) AS before FROM (
            SELECT o.lane, o.id, o.key, o.envelope, o.created_at FROM underpin_outbox o
            WHERE o.lane = w.lane AND o.id > w.floor ORDER BY o.lane, o.id LIMIT most
        ) b
    ) c
    WHERE c.before < bytes
) r ON true;
END $$;

CREATE FUNCTION underpin_outbox_is_clear(the_lane smallint, above bigint, upto bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
RETURN NOT EXISTS (SELECT FROM underpin_outbox o WHERE o.lane = the_lane AND o.id > above AND o.id <= upto);
END $$;

-- Forgetting what was sent need not reach the disk before we go on: after a crash of the server some of it is
-- published again, with the same message ids.
CREATE FUNCTION underpin_outbox_remove(lanes smallint[], ids bigint[]) RETURNS bigint
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE removed bigint;
BEGIN
PERFORM set_config('synchronous_commit', 'off', true);
DELETE FROM underpin_outbox o USING ROWS FROM (unnest(lanes), unnest(ids)) AS w(lane, id)
    WHERE o.lane = w.lane AND o.id = w.id;
GET DIAGNOSTICS removed = ROW_COUNT;
RETURN removed;
END $$;

CREATE FUNCTION underpin_outbox_keep(lanes smallint[], ids bigint[]) RETURNS bigint
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE kept bigint;
BEGIN
PERFORM set_config('synchronous_commit', 'off', true);
WITH gone AS (
    DELETE FROM underpin_outbox o USING ROWS FROM (unnest(lanes), unnest(ids)) AS w(lane, id)
    WHERE o.lane = w.lane AND o.id = w.id RETURNING o.*
)
INSERT INTO underpin_outbox_sent (id, lane, key, envelope, created_at)
    SELECT g.id, g.lane, g.key, g.envelope, g.created_at FROM gone g ON CONFLICT DO NOTHING;
GET DIAGNOSTICS kept = ROW_COUNT;
RETURN kept;
END $$;

CREATE FUNCTION underpin_outbox_lag(most integer) RETURNS TABLE (waiting bigint, oldest_ms bigint)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
RETURN QUERY
SELECT count(*), (extract(epoch FROM clock_timestamp() - min(r.created_at)) * 1000)::bigint
FROM underpin_outbox_lanes l CROSS JOIN LATERAL (
    SELECT o.created_at FROM underpin_outbox o
    WHERE o.lane = l.lane AND o.id > l.floor ORDER BY o.lane, o.id LIMIT most
) r;
END $$;
