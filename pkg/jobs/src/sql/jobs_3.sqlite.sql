-- How a job leaves the table: an update of `becomes`, which is never seen afterwards.

ALTER TABLE underpin_job ADD COLUMN becomes TEXT;

ALTER TABLE underpin_job ADD COLUMN keep INTEGER;

CREATE TRIGGER underpin_job_end AFTER UPDATE OF becomes ON underpin_job WHEN new.becomes IS NOT NULL BEGIN
    INSERT INTO underpin_job_history (id, queue, kind, version, attempt, enqueued_at, ended_at, state, reason)
    SELECT new.id, new.queue, new.kind, new.version, new.attempt, new.enqueued_at, CAST(unixepoch('subsec') * 1000 AS INTEGER),
        new.becomes, new.reason
    WHERE new.keep AND new.becomes <> 'dead' ON CONFLICT DO NOTHING;
    INSERT INTO underpin_job_dead (id, queue, kind, version, attempt, enqueued_at, ended_at, rank_offset, reason, headers, payload)
    SELECT new.id, new.queue, new.kind, new.version, new.attempt, new.enqueued_at, CAST(unixepoch('subsec') * 1000 AS INTEGER),
        new.rank - new.due, new.reason, new.headers, new.payload
    WHERE new.becomes = 'dead' ON CONFLICT DO NOTHING;
    DELETE FROM underpin_job_unique WHERE kind = new.kind AND key = new.unique_key AND job = new.id AND until IS NULL;
    DELETE FROM underpin_job WHERE id = new.id;
END;

-- The same columns from each table, for operators.

CREATE VIEW underpin_job_live_status AS
SELECT id, kind, version, queue, iif(run IS NULL, 'waiting', 'running') AS state, attempt, enqueued_at, due AS at, cancel_asked <> 0 AS cancel,
    reason, done, total, note, payload, run
FROM underpin_job;

CREATE VIEW underpin_job_history_status AS
SELECT id, kind, version, queue, state, attempt, enqueued_at, ended_at AS at, 0 <> 0 AS cancel,
    reason, NULL AS done, NULL AS total, NULL AS note, '' AS payload
FROM underpin_job_history;

CREATE VIEW underpin_job_dead_status AS
SELECT id, kind, version, queue, 'dead' AS state, attempt, enqueued_at, ended_at AS at, 0 <> 0 AS cancel,
    reason, NULL AS done, NULL AS total, NULL AS note, payload
FROM underpin_job_dead;
