INSERT INTO product_audit (product_id, version, action, product, request_id, at)
VALUES ($1, $2, $3, $4, $5, $6)
