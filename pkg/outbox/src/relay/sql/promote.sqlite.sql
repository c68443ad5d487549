UPDATE underpin_outbox_held SET due_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM (
    SELECT w.value ->> 'lane' AS lane, w.value ->> 'key' AS key, (SELECT x.id FROM underpin_outbox_held x
        WHERE x.lane = w.value ->> 'lane' AND x.key = w.value ->> 'key' AND (x.quarantined_at IS NULL OR $2)
        ORDER BY x.id LIMIT 1) AS id
    FROM json_each($1) w) f
WHERE underpin_outbox_held.lane = f.lane AND underpin_outbox_held.key = f.key
    AND underpin_outbox_held.id = f.id AND due_at IS NULL AND quarantined_at IS NULL
