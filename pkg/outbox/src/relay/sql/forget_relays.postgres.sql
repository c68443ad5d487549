DELETE FROM underpin_outbox_relays
WHERE relay = $1 OR seen_until < clock_timestamp() - interval '1 hour'
