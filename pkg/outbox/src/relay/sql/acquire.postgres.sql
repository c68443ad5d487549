, free AS MATERIALIZED (
    SELECT lane FROM underpin_outbox_lanes WHERE expires_at IS NULL OR expires_at < clock_timestamp()
    ORDER BY lane LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE underpin_outbox_lanes l
SET owner = $1, expires_at = clock_timestamp() + $2::bigint * interval '1 millisecond', bell = true,
    floor = CASE WHEN l.floor > drawn.last THEN 0 ELSE l.floor END
FROM free, drawn WHERE l.lane = free.lane
RETURNING l.lane, l.floor
