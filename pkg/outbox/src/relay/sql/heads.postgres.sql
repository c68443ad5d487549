SELECT lane, key, due_in_ms FROM underpin_outbox_heads($1::text::smallint[], $2)
