UPDATE product
SET name = $3, description = $4, price_cents = $5, version = version + 1, updated_at = $6
WHERE id = $1 AND version = COALESCE($2, version)
RETURNING id, name, description, price_cents, version, created_at AS "created_at: OffsetDateTime", updated_at AS "updated_at: OffsetDateTime"
