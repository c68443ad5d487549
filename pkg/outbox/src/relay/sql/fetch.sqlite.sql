SELECT lane, id, key, envelope, age_ms FROM (
    SELECT b.*, sum(length(envelope)) OVER (ORDER BY id) - length(envelope) AS before FROM (
        SELECT lane, id, key, envelope,
            CAST(unixepoch('subsec') * 1000 AS INTEGER) - created_at AS age_ms FROM underpin_outbox
        WHERE lane IN (SELECT value FROM json_each($1)) AND $2 IS NOT NULL ORDER BY id LIMIT $3) b)
WHERE before < $4 ORDER BY id
