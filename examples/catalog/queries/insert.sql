INSERT INTO product (id, name, description, price_cents, version, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
