INSERT OR IGNORE INTO underpin_outbox_sent (id, lane, key, envelope, created_at)
SELECT id, lane, key, envelope, created_at FROM underpin_outbox_held WHERE (lane, key, id) IN
(SELECT value ->> 'lane', value ->> 'key', value ->> 'id' FROM json_each($1));

DELETE FROM underpin_outbox_held WHERE (lane, key, id) IN
(SELECT value ->> 'lane', value ->> 'key', value ->> 'id' FROM json_each($1))
