INSERT INTO underpin_outbox_relays (relay, seen_until)
VALUES ($1, CAST(unixepoch('subsec') * 1000 AS INTEGER) + $2)
ON CONFLICT (relay) DO UPDATE SET seen_until = excluded.seen_until
