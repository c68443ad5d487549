UPDATE underpin_outbox_lanes
SET owner = $1, expires_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $2
WHERE lane IN (SELECT lane FROM underpin_outbox_lanes
    WHERE expires_at IS NULL OR expires_at < CAST(unixepoch('subsec') * 1000 AS INTEGER)
    ORDER BY lane LIMIT $3) RETURNING lane, floor
