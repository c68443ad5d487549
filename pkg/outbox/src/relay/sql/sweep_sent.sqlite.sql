DELETE FROM underpin_outbox_sent WHERE id IN (SELECT id FROM underpin_outbox_sent
WHERE sent_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - $1 ORDER BY sent_at LIMIT $2)
