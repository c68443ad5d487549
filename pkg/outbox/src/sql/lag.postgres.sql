SELECT l.waiting, h.waiting, greatest(l.oldest_ms, h.oldest_ms), h.blocked, h.quarantined
FROM underpin_outbox_lag(313) l CROSS JOIN (
    SELECT (SELECT count(*) FROM (SELECT 1 FROM underpin_outbox_held WHERE quarantined_at IS NULL LIMIT 10000) w)
            AS waiting,
        (extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE due_at IS NOT NULL)) * 1000)::bigint
            AS oldest_ms,
        count(*) FILTER (WHERE due_at IS NOT NULL) AS blocked,
        count(*) FILTER (WHERE quarantined_at IS NOT NULL) AS quarantined
    FROM underpin_outbox_held WHERE due_at IS NOT NULL OR quarantined_at IS NOT NULL) h
