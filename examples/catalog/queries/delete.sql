DELETE FROM product
WHERE id = $1
RETURNING id, name, description, price_cents, version, created_at AS "created_at: OffsetDateTime", updated_at AS "updated_at: OffsetDateTime"
