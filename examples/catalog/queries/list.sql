SELECT id, name, description, price_cents, version, created_at AS "created_at: OffsetDateTime", updated_at AS "updated_at: OffsetDateTime"
FROM product
WHERE $1::uuid IS NULL OR id < $1
ORDER BY id DESC
LIMIT $2
