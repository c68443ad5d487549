//! The migrations. A released step never changes: a change is a new step.

use underpin_database::migrate::{Migration, Migrations, Script};

/// The tables of the service itself; outbox and inbox keep their own.
///
/// The first two say IF NOT EXISTS because there are databases from before there were migrations.
pub(crate) fn migrations() -> Migrations {
    Migrations::new("orders")
        .step(
            Migration::new("0001_orders", Script::each(ORDERS_POSTGRES, ORDERS_SQLITE))
                .down("DROP TABLE orders"),
        )
        .step(Migration::new("0002_order_stats", ORDER_STATS).down("DROP TABLE order_stats"))
        .seed(Script::each(SEED_POSTGRES, SEED_SQLITE))
}

const ORDERS_POSTGRES: &str = "
    CREATE TABLE IF NOT EXISTS orders (
        id UUID NOT NULL PRIMARY KEY,
        customer VARCHAR NOT NULL,
        items JSONB NOT NULL,
        total_cents BIGINT NOT NULL,
        status TEXT NOT NULL,
        placed_at TIMESTAMPTZ NOT NULL,
        idempotency_key VARCHAR UNIQUE
    );
    CREATE INDEX IF NOT EXISTS orders_customer_id ON orders (customer, id)";

/// SQLite has no types of these names; they tell the driver what the text holds.
const ORDERS_SQLITE: &str = "
    CREATE TABLE IF NOT EXISTS orders (
        id uuid_text NOT NULL PRIMARY KEY,
        customer varchar NOT NULL,
        items jsonb_text NOT NULL,
        total_cents integer NOT NULL,
        status text NOT NULL,
        placed_at timestamp_with_timezone_text NOT NULL,
        idempotency_key varchar UNIQUE
    );
    CREATE INDEX IF NOT EXISTS orders_customer_id ON orders (customer, id)";

/// The projection, in one row.
const ORDER_STATS: &str = "
    CREATE TABLE IF NOT EXISTS order_stats (
        id INTEGER NOT NULL PRIMARY KEY,
        orders_placed BIGINT NOT NULL,
        revenue_cents BIGINT NOT NULL
    )";

/// One order to look at, without an event: `/stats` does not count it.
const SEED_POSTGRES: &str = r#"
    INSERT INTO orders VALUES (
        '019b76da-a800-7000-8000-000000000001', 'demo', '[{"sku":"tea","quantity":2,"unit_price_cents":350}]', 700,
        'placed', '2026-01-01 00:00:00+00:00', NULL
    ) ON CONFLICT DO NOTHING"#;

const SEED_SQLITE: &str = r#"
    INSERT INTO orders VALUES (
        X'019b76daa80070008000000000000001', 'demo', '[{"sku":"tea","quantity":2,"unit_price_cents":350}]', 700,
        'placed', '2026-01-01 00:00:00+00:00', NULL
    ) ON CONFLICT DO NOTHING"#;
