SELECT lane, key, due_at - CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM underpin_outbox_held WHERE lane IN (SELECT value FROM json_each($1))
AND (due_at IS NOT NULL OR quarantined_at IS NOT NULL) AND (due_at IS NOT NULL OR $2)
