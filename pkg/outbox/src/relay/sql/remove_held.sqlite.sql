DELETE FROM underpin_outbox_held WHERE (lane, key, id) IN
(SELECT value ->> 'lane', value ->> 'key', value ->> 'id' FROM json_each($1))
