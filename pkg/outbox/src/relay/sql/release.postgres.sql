WITH freed AS (UPDATE underpin_outbox_lanes SET owner = NULL, expires_at = NULL
    WHERE owner = $1 AND lane = ANY($2::text::smallint[]) RETURNING lane)
SELECT pg_notify('underpin_outbox', 'lanes') WHERE EXISTS (SELECT FROM freed)
