SELECT underpin_outbox_promote($1::text::jsonb, $2)
