//! The tables. Outbox and inbox keep their own.

use underpin_database::migrate::{Migration, Migrations};

pub(crate) fn migrations() -> Migrations {
    Migrations::new("shortener")
        .step(Migration::new("0001_link", LINK).down("DROP TABLE link"))
        .step(Migration::new("0002_link_code", LINK_CODE).down("DROP INDEX link_code"))
        .step(Migration::new("0003_click_minute", CLICK_MINUTE).down("DROP TABLE click_minute"))
        .step(Migration::new("0004_daily", DAILY).down("DROP TABLE daily"))
}

/// A link with its clicks. The id is a UUID of version 7: the order of ids is the order of time.
const LINK: &str = "
    CREATE TABLE link (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        code VARCHAR(32) NOT NULL,
        url VARCHAR(2048) NOT NULL,
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        clicks BIGINT NOT NULL,
        last_click_at BIGINT NOT NULL
    )";

/// A code has several links where earlier ones have expired.
const LINK_CODE: &str = "CREATE INDEX link_code ON link (code, id)";

/// The clicks of a link in a minute, for the last half hour.
const CLICK_MINUTE: &str = "
    CREATE TABLE click_minute (
        link_id VARCHAR(36) NOT NULL,
        minute BIGINT NOT NULL,
        clicks BIGINT NOT NULL,
        PRIMARY KEY (link_id, minute)
    )";

/// What happened on a day, by its number since 1970.
const DAILY: &str = "
    CREATE TABLE daily (
        day BIGINT NOT NULL PRIMARY KEY,
        links BIGINT NOT NULL,
        clicks BIGINT NOT NULL
    )";
