-- Attempts that still have their jobs: the answer.
SELECT j.id, j.run FROM json_each($1) r CROSS JOIN underpin_job j ON j.id = r.value ->> 'id' AND j.run = r.value ->> 'run';

-- Those that end; the trigger `underpin_job_end` does the rest.
UPDATE underpin_job SET becomes = iif(r.value ->> 'verdict' IN ('done', 'dead', 'cancelled'), r.value ->> 'verdict', 'cancelled'),
    keep = r.value ->> 'keep', reason = coalesce(r.value ->> 'reason', reason)
FROM json_each($1) r
WHERE underpin_job.id = r.value ->> 'id' AND run = r.value ->> 'run'
    AND (cancel_asked OR r.value ->> 'verdict' IN ('done', 'dead', 'cancelled'));

-- Those that wait again.
UPDATE underpin_job SET run = NULL, worker = NULL, lease_until = NULL, done = NULL, total = NULL, note = NULL,
    reason = coalesce(r.value ->> 'reason', reason), attempt = attempt - (r.value ->> 'free'),
    due = coalesce(CAST(unixepoch('subsec') * 1000 AS INTEGER) + (r.value ->> 'after_ms'), due),
    rank = coalesce(CAST(unixepoch('subsec') * 1000 AS INTEGER) + (r.value ->> 'after_ms') + rank - due, rank)
FROM json_each($1) r WHERE underpin_job.id = r.value ->> 'id' AND run = r.value ->> 'run';
