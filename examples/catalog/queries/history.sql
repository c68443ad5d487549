SELECT action, product AS "product: Json<Product>", request_id, at AS "at: OffsetDateTime"
FROM product_audit
WHERE product_id = $1 AND version < $2
ORDER BY version DESC
LIMIT $3
