INSERT OR IGNORE INTO underpin_outbox_sent (id, lane, key, envelope, created_at)
SELECT id, lane, key, envelope, created_at FROM underpin_outbox
WHERE id IN (SELECT value FROM json_each($2)) AND $1 IS NOT NULL;

DELETE FROM underpin_outbox WHERE id IN (SELECT value FROM json_each($2)) AND $1 IS NOT NULL
