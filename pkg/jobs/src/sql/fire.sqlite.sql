UPDATE underpin_job_schedule SET last_tick = $3 WHERE name = $1 AND hash = $2 AND NOT paused AND last_tick < $3;

INSERT INTO underpin_job_tick (name, at, job, fired_at)
SELECT $1, $3, $4 ->> 'id', CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE changes() > 0 ON CONFLICT DO NOTHING;

INSERT INTO underpin_job (id, queue, kind, version, due, rank, enqueued_at, headers, payload)
SELECT $4 ->> 'id', $4 ->> 'queue', $4 ->> 'kind', $4 ->> 'version', n.now + ($4 ->> 'after_ms'),
    n.now + ($4 ->> 'after_ms') + ($4 ->> 'rank_ms'), n.now, $4 ->> 'headers', $4 ->> 'payload'
FROM (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now) n WHERE changes() > 0 RETURNING id;
