use underpin_database::migrate::{Migration, Migrations, Script};

/// The tables of the service. Outbox and inbox keep their own.
pub fn migrations() -> Migrations {
    Migrations::new("catalog")
        .step(
            Migration::new("0001_product", Script::each(PRODUCT, PRODUCT_SQLITE)).down("DROP TABLE product"),
        )
        .step(
            Migration::new("0002_audit", Script::each(AUDIT, AUDIT_SQLITE)).down("DROP TABLE product_audit"),
        )
}

const PRODUCT: &str = "
    CREATE TABLE product (
        id UUID NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        price_cents BIGINT NOT NULL,
        version BIGINT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        updated_at TIMESTAMPTZ NOT NULL
    )";

/// SQLite has no types of these names; they tell the driver what the text holds.
const PRODUCT_SQLITE: &str = "
    CREATE TABLE product (
        id uuid_text NOT NULL PRIMARY KEY,
        name text NOT NULL,
        description text NOT NULL,
        price_cents integer NOT NULL,
        version integer NOT NULL,
        created_at timestamp_with_timezone_text NOT NULL,
        updated_at timestamp_with_timezone_text NOT NULL
    )";

/// No foreign key: entries outlive their product.
const AUDIT: &str = "
    CREATE TABLE product_audit (
        product_id UUID NOT NULL,
        version BIGINT NOT NULL,
        action TEXT NOT NULL,
        product JSONB NOT NULL,
        request_id TEXT NOT NULL,
        at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (product_id, version)
    )";

const AUDIT_SQLITE: &str = "
    CREATE TABLE product_audit (
        product_id uuid_text NOT NULL,
        version integer NOT NULL,
        action text NOT NULL,
        product jsonb_text NOT NULL,
        request_id text NOT NULL,
        at timestamp_with_timezone_text NOT NULL,
        PRIMARY KEY (product_id, version)
    )";
