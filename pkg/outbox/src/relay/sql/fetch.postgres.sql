SELECT lane, id, key, envelope, age_ms, oldest
FROM underpin_outbox_fetch($1::text::smallint[], $2::text::bigint[], $3::integer, $4::bigint)
