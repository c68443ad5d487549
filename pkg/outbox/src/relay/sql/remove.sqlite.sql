DELETE FROM underpin_outbox WHERE id IN (SELECT value FROM json_each($2)) AND $1 IS NOT NULL
