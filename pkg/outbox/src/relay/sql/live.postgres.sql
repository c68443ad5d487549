SELECT count(*) FROM underpin_outbox_relays WHERE seen_until > clock_timestamp()
