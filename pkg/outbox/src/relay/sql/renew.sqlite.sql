UPDATE underpin_outbox_lanes
SET expires_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $2
WHERE owner = $1 AND lane IN (SELECT value FROM json_each($3)) AND $4 IS NOT NULL RETURNING lane, floor, 0, 0
