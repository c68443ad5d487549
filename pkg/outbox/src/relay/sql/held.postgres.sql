SELECT id, envelope, attempts, age_ms FROM underpin_outbox_held_rows($1, $2, $3)
