SELECT queue, kind, version, sum(run IS NULL AND due <= CAST(unixepoch('subsec') * 1000 AS INTEGER)) AS ready,
    sum(run IS NULL AND due > CAST(unixepoch('subsec') * 1000 AS INTEGER)) AS scheduled, sum(run IS NOT NULL) AS running, 0 AS dead,
    max(0, coalesce(CAST(unixepoch('subsec') * 1000 AS INTEGER) - min(CASE WHEN run IS NULL THEN due END), 0)) AS oldest_ms
FROM underpin_job GROUP BY queue, kind, version
UNION ALL
SELECT queue, kind, version, 0, 0, 0, count(*), 0 FROM underpin_job_dead GROUP BY queue, kind, version
