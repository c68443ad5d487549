INSERT INTO underpin_outbox_held
    (lane, key, id, envelope, created_at, attempts, reason, failed_at, due_at, quarantined_at)
SELECT o.lane, o.key, o.id, o.envelope, o.created_at, w.value ->> 'attempts', w.value ->> 'reason',
    CASE WHEN w.value ->> 'attempts' > 0 THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
    CAST(unixepoch('subsec') * 1000 AS INTEGER) + (w.value ->> 'delay_ms'),
    CASE WHEN w.value ->> 'quarantine' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END
FROM json_each($1) w JOIN underpin_outbox o ON o.id = w.value ->> 'id';

DELETE FROM underpin_outbox WHERE id IN (SELECT value ->> 'id' FROM json_each($1))
