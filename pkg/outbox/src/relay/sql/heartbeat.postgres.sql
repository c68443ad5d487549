INSERT INTO underpin_outbox_relays (relay, seen_until)
VALUES ($1, clock_timestamp() + $2::bigint * interval '1 millisecond')
ON CONFLICT (relay) DO UPDATE SET seen_until = excluded.seen_until
