SELECT underpin_outbox_keep_held($1::text::jsonb)
