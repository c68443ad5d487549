SELECT count(*) FROM underpin_outbox_relays WHERE seen_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)
