SELECT underpin_outbox_remove($1::text::smallint[], $2::text::bigint[])
