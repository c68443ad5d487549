SELECT underpin_outbox_remove_held($1::text::jsonb)
