-- The kinds that wait are found by skipping along the index, whatever their number of rows; of each, the first 10,000 count.
WITH RECURSIVE waiting AS (
    (SELECT queue, kind FROM underpin_job WHERE run IS NULL ORDER BY queue, kind LIMIT 1)
    UNION ALL
    SELECT n.queue, n.kind FROM waiting w CROSS JOIN LATERAL (
        SELECT j.queue, j.kind FROM underpin_job j
        WHERE j.run IS NULL AND (j.queue, j.kind) > (w.queue, w.kind) ORDER BY j.queue, j.kind LIMIT 1
    ) n
)
SELECT w.queue, w.kind, c.version, count(*) FILTER (WHERE c.due <= now()) AS ready,
    count(*) FILTER (WHERE c.due > now()) AS scheduled, 0::bigint AS running, 0::bigint AS dead,
    coalesce((extract(epoch FROM now() - min(c.due) FILTER (WHERE c.due <= now())) * 1000)::bigint, 0) AS oldest_ms
FROM waiting w CROSS JOIN LATERAL (
    SELECT j.version, j.due FROM underpin_job j WHERE j.run IS NULL AND j.queue = w.queue AND j.kind = w.kind
    ORDER BY j.rank, j.due, j.id LIMIT 10000
) c GROUP BY w.queue, w.kind, c.version
UNION ALL
SELECT queue, kind, version, 0, 0, count(*), 0, 0 FROM underpin_job WHERE run IS NOT NULL GROUP BY queue, kind, version
UNION ALL
SELECT queue, kind, version, 0, 0, 0, count(*), 0 FROM (SELECT queue, kind, version FROM underpin_job_dead LIMIT 10000) d
GROUP BY queue, kind, version
