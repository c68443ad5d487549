UPDATE underpin_outbox_lanes SET owner = NULL, expires_at = NULL
WHERE owner = $1 AND lane IN (SELECT value FROM json_each($2))
