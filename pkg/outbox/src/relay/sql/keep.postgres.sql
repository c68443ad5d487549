SELECT underpin_outbox_keep($1::text::smallint[], $2::text::bigint[])
