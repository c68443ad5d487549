SELECT id, envelope, attempts, CAST(unixepoch('subsec') * 1000 AS INTEGER) - created_at
FROM underpin_outbox_held WHERE lane = $1 AND key = $2 AND quarantined_at IS NULL ORDER BY id LIMIT $3
