SELECT underpin_outbox_hold($1::text::jsonb)
