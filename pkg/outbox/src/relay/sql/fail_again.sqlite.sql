UPDATE underpin_outbox_held SET attempts = w.value ->> 'attempts', reason = w.value ->> 'reason',
    failed_at = CAST(unixepoch('subsec') * 1000 AS INTEGER),
    due_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + (w.value ->> 'delay_ms'),
    quarantined_at = CASE WHEN w.value ->> 'quarantine' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END
FROM json_each($1) w WHERE lane = w.value ->> 'lane'
    AND underpin_outbox_held.key = w.value ->> 'key' AND underpin_outbox_held.id = w.value ->> 'id'
    AND quarantined_at IS NULL
