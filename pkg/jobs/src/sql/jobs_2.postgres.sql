-- Cron. The row of a tick and its job are written in one statement; `last_tick` keeps a tick from firing late, after another
-- one, and after a restart.

CREATE TABLE underpin_job_schedule (
    name text PRIMARY KEY,
    hash text NOT NULL,
    description text NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    -- Unix seconds.
    last_tick bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE underpin_job_tick (
    name text NOT NULL,
    at bigint NOT NULL,
    job uuid NOT NULL,
    fired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, at)
);

CREATE INDEX underpin_job_tick_fired_at ON underpin_job_tick (fired_at);

CREATE FUNCTION underpin_job_fire(the_name text, the_hash text, the_tick bigint, job jsonb) RETURNS SETOF bigint
    LANGUAGE sql
AS $$
WITH entry AS (
    UPDATE underpin_job_schedule s SET last_tick = the_tick
    WHERE s.name = the_name AND s.hash = the_hash AND NOT s.paused AND s.last_tick < the_tick
    RETURNING s.name
), tick AS (
    INSERT INTO underpin_job_tick (name, at, job) SELECT e.name, the_tick, (job ->> 'id')::uuid FROM entry e
    ON CONFLICT DO NOTHING RETURNING at
), enqueued AS (
    INSERT INTO underpin_job (id, queue, kind, version, due, rank, headers, payload)
    SELECT n.id, n.queue, n.kind, n.version, now() + n.after_ms * interval '1 millisecond',
        now() + (n.after_ms + n.rank_ms) * interval '1 millisecond', n.headers, n.payload
    FROM tick t CROSS JOIN jsonb_to_record(job)
        AS n(id uuid, queue text, kind text, version integer, after_ms bigint, rank_ms bigint, headers text, payload text)
    RETURNING queue
), notified AS MATERIALIZED (
    SELECT pg_notify('underpin_jobs', '') FROM enqueued e JOIN underpin_job_queue q USING (queue) WHERE q.notify
)
SELECT t.at FROM tick t LEFT JOIN notified n ON true;
$$;
