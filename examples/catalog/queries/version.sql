SELECT version
FROM product
WHERE id = $1
