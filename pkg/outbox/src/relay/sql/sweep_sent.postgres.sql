DELETE FROM underpin_outbox_sent WHERE ctid = ANY (ARRAY(SELECT ctid FROM underpin_outbox_sent
WHERE sent_at < clock_timestamp() - $1::bigint * interval '1 millisecond' ORDER BY sent_at LIMIT $2))
