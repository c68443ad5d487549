SELECT underpin_outbox_fail_again($1::text::jsonb)
