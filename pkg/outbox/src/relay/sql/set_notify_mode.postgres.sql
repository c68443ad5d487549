UPDATE underpin_outbox_lanes SET bell = $2 WHERE owner = $1 AND bell <> $2
