DELETE FROM underpin_outbox_relays
WHERE relay = $1 OR seen_until < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 3600000
