UPDATE underpin_outbox_lanes l
SET expires_at = clock_timestamp() + $2::bigint * interval '1 millisecond',
    floor = CASE
        WHEN l.floor > drawn.last THEN 0
        WHEN w.floor > l.floor AND w.floor <= drawn.last AND underpin_outbox_is_clear(l.lane, l.floor, w.floor)
            THEN w.floor
        ELSE l.floor
    END
FROM drawn, ROWS FROM (unnest($3::text::smallint[]), unnest($4::text::bigint[])) AS w(lane, floor)
WHERE l.lane = w.lane AND l.owner = $1
RETURNING l.lane, l.floor, drawn.last, pg_current_xact_id()::text::bigint
