SELECT
(SELECT count(*) FROM (SELECT 1 FROM underpin_outbox LIMIT 10016)),
(SELECT count(*) FROM (SELECT 1 FROM underpin_outbox_held WHERE quarantined_at IS NULL LIMIT 10000)),
CAST(unixepoch('subsec') * 1000 AS INTEGER) - min(
    coalesce((SELECT created_at FROM underpin_outbox ORDER BY id LIMIT 1), 9223372036854775807),
    coalesce((SELECT min(created_at) FROM underpin_outbox_held WHERE due_at IS NOT NULL), 9223372036854775807)),
(SELECT count(*) FROM underpin_outbox_held WHERE due_at IS NOT NULL),
(SELECT count(*) FROM underpin_outbox_held WHERE quarantined_at IS NOT NULL)
