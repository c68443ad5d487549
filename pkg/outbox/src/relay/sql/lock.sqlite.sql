SELECT lane, owner FROM underpin_outbox_lanes
WHERE lane IN (SELECT value FROM json_each($1))
