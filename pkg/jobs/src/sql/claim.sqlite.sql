-- Marks the jobs with tokens that follow the last one, releases their keys, answers, and remembers the last token.
WITH ask AS (
    SELECT value ->> 'queue' AS queue, value ->> 'kind' AS kind, value ->> 'version' AS version, value ->> 'most' AS most,
        value ->> 'queue_most' AS queue_most, value ->> 'horizon_ms' AS horizon_ms
    FROM json_each($1) WHERE value ->> 'queue' NOT IN (SELECT queue FROM underpin_job_queue WHERE paused)
), found AS (
    SELECT a.queue, a.queue_most, f.value AS id
    FROM ask a CROSS JOIN json_each((
        SELECT json_group_array(id) FROM (
            SELECT j.id FROM underpin_job j
            WHERE j.run IS NULL AND j.queue = a.queue AND j.kind = a.kind AND j.version <= a.version
                AND j.rank <= CAST(unixepoch('subsec') * 1000 AS INTEGER) + a.horizon_ms
                AND j.due <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
            ORDER BY j.rank, j.due, j.id LIMIT (SELECT max(value ->> 'most') FROM json_each($1))
        )
    )) f WHERE f.key < a.most
), picked AS (
    SELECT j.id, f.queue_most, row_number() OVER (PARTITION BY f.queue ORDER BY j.rank, j.id) AS place,
        row_number() OVER (ORDER BY j.rank, j.id) AS number
    FROM found f CROSS JOIN underpin_job j ON j.id = f.id
)
UPDATE underpin_job SET run = (SELECT last FROM underpin_job_run) + p.number, attempt = attempt + 1, worker = $3,
    lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $2
FROM picked p WHERE underpin_job.id = p.id AND p.place <= p.queue_most;

DELETE FROM underpin_job_unique WHERE (kind, key, job) IN (
    SELECT kind, unique_key, id FROM underpin_job
    WHERE run > (SELECT last FROM underpin_job_run) AND unique_scope = 'started'
);

SELECT id, run, queue, kind, version, attempt, CAST(unixepoch('subsec') * 1000 AS INTEGER) - due, payload, headers, ''
FROM underpin_job WHERE run > (SELECT last FROM underpin_job_run) ORDER BY rank, id;

UPDATE underpin_job_run SET last = max(last, (SELECT coalesce(max(run), 0) FROM underpin_job WHERE run IS NOT NULL));
